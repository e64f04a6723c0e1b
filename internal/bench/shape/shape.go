// Package shape makes repositories of given shapes, which are the same for the same seed, as bare ones that are packed as a
// host's are.
package shape

import (
	"fmt"
	"path"
)

// A Shape says what a repository is like. What is measured in it is one module.
type Shape struct {
	Name string
	Seed uint64

	Dir       string // of the module that is measured, "" for the root
	Versions  int    // that it has; without any, there are pseudo-versions
	Parts     []Part // the module's, and then those of other modules
	Commits   int    // of all the history
	Edits     int    // files changed by a commit; 0: all commits are of the same files
	Annotated bool   // tags
	Tags      int    // of other modules, of which there must be some
}

// A Part is files of one kind.
type Part struct {
	Dir   string  // that they are below
	Dirs  int     // over which they are spread; if 1, they are in Dir itself
	Files int     // in all, without those that make modules
	Mean  int     // size
	Even  bool    // all have about that
	Words int     // of which a text is made, see source.Writer.NewFile
	Kin   int     // so many are of one kind, and differ in names and some places; 0 and 1: every file is different
	Fresh float64 // the share of such a file that is its own
	Raw   bool    // bytes that can't be compressed, in place of text

	Modules bool // each directory is a module
}

// Repo is the path of the repository at github.com, where the module's path has it.
func (s Shape) Repo() string { return "bench/" + s.Name }

// Module is the path of the module that is measured.
func (s Shape) Module() string { return path.Join("github.com", s.Repo(), s.Dir) }

// Version is the nth of the module's, from 1.
func (s Shape) Version(n int) string { return fmt.Sprintf("v1.%d.%d", n/4, n%4) }

// Last is the version that is measured.
func (s Shape) Last() string { return s.Version(s.Versions) }

// Previous is the version before.
func (s Shape) Previous() string { return s.Version(s.Versions - 1) }

// Pattern is that of tags, for a configuration.
func (s Shape) Pattern() string {
	if s.Dir == "" {
		return ""
	}
	return s.Dir + "/v*"
}

// tag is the name of a tag of a module in dir.
func tag(dir, version string) string { return path.Join(dir, version) }

// Divided is the shape with so many times fewer files, commits and tags, for tests.
func (s Shape) Divided(by int) Shape {
	s.Name += fmt.Sprintf("-%d", by)
	parts := make([]Part, len(s.Parts))
	for i, p := range s.Parts {
		p.Files = max(p.Files/by, 4)
		p.Dirs = max(p.Dirs/by, 1)
		if p.Raw {
			p.Mean /= by
		}
		parts[i] = p
	}
	s.Parts = parts
	s.Commits = max(s.Commits/by, 10)
	s.Versions = max(s.Versions/by, 3)
	s.Tags /= by
	return s
}

// All are shapes that repositories have which are well known, and one with a module as large as modules may be.
var All = []Shape{{
	Name: "small", Seed: 1, Versions: 207, Commits: 414, Edits: 2, Annotated: true,
	Parts: []Part{{Dirs: 4, Files: 28, Mean: 4200}},
}, {
	Name: "medium", Seed: 2, Versions: 300, Commits: 1500, Edits: 4, Tags: 1000,
	Parts: []Part{
		{Dirs: 60, Files: 918, Mean: 17000},
		{Dir: "modules", Dirs: 45, Files: 3000, Mean: 16000, Modules: true},
	},
}, {
	Name: "monosub", Seed: 3, Dir: "sdk/network", Versions: 100, Commits: 3000, Edits: 5, Tags: 34900,
	Parts: []Part{
		{Dir: "sdk/network", Dirs: 1, Files: 115, Mean: 4000},
		{Dir: "sdk/network", Dirs: 1, Files: 86, Mean: 180000, Even: true, Kin: 43, Fresh: 0.009},
		{Dir: "sdk", Dirs: 350, Files: 12170, Mean: 6800, Kin: 4, Fresh: 0.3, Modules: true},
	},
}, {
	Name: "monosub2", Seed: 4, Dir: "exporter/blobstorage", Versions: 60, Commits: 3000, Edits: 5, Tags: 6000, Annotated: true,
	Parts: []Part{
		{Dir: "exporter/blobstorage", Dirs: 8, Files: 277, Mean: 1500, Kin: 3, Fresh: 0.3, Words: 20},
		{Dir: "exporter", Dirs: 110, Files: 6300, Mean: 6800, Kin: 3, Fresh: 0.65, Modules: true},
		{Dir: "receiver", Dirs: 110, Files: 6300, Mean: 6800, Kin: 3, Fresh: 0.65, Modules: true},
	},
}, {
	Name: "giant", Seed: 5, Versions: 3600, Commits: 3600, Edits: 3, Annotated: true,
	Parts: []Part{{Dir: "service", Dirs: 900, Files: 36178, Mean: 3300, Words: 3, Kin: 40, Fresh: 0.05}},
}, {
	Name: "huge", Seed: 6, Versions: 3, Commits: 12, Edits: 2,
	Parts: []Part{
		{Dir: "data", Dirs: 1, Files: 4, Mean: 60 << 20, Raw: true},
		{Dir: "text", Dirs: 40, Files: 2400, Mean: 100000},
	},
}}
