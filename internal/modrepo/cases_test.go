package modrepo_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/gittest"
)

// small is a module of two files.
const small = "-- go.mod --\nmodule github.com/o/any\n-- m.go --\npackage m\n"

var repoTests = []repoTest{
	{
		name:   "root",
		intent: "A module at the root, at one tag, is the plainest thing.",
		script: `
			write
			commit one
			tag v0.1.0
			print m.go "package m // more\n"
			commit two
			tag v1.0.0
			tag v1.0.1
` + small + "-- LICENSE --\ntext\n-- sub/deep/x.txt --\nx\n-- sub/x_test.go --\npackage sub\n",
		asks: `
			@v0.1.0
			@v1.0.0
			@v1.0.1
			@v1.0.2 fails
			@v9.9.9 fails
		`,
	},
	{
		name:   "tags",
		intent: "Annotated tags, tags of tags and of merges come to their commits; the committer's time counts, in UTC.",
		script: `
			at 2024-05-01T23:30:00-07:00
			write
			commit one
			tag -a v1.0.0 -m text
			tag -a v1.1.0 -m text v1.0.0
			tag -a v1.2.0 -m text v1.1.0
			at 2023-05-01T10:00:00+05:45
			git commit -q --allow-empty --date 2001-02-03T04:05:06+0900 -m earlier
			tag v1.3.0
			git switch -q -c side v1.0.0
			print side.go "package m\n"
			commit side
			git switch -q -
			git merge -q --no-ff -m merged side
			tag v1.4.0
			git switch -q --orphan other
			print go.mod "module github.com/o/any\n"
			print other.go "package m\n"
			commit other
			tag v1.5.0
` + small,
		asks: `
			@v1.0.0
			@v1.1.0
			@v1.2.0
			@v1.3.0
			@v1.4.0
			@v1.5.0
		`,
	},
	{
		name:   "list",
		intent: "Only canonical versions of the path's major are listed, prereleases too, and no branch is one.",
		script: `
			write
			commit one
			tag v1.2.3-pre
			tag v1.2.3-pre.1+meta
			tag v1.2.3-0
			tag v1.2.3-PRE
			tag v1.2.3-rc.10
			tag v1.2.3-rc.9
			tag v1
			tag v1.2
			tag v01.2.3
			tag v1.2.3.4
			tag v1.2.3-01
			tag v1.2.4+meta
			tag v1.2.5+incompatible
			tag 1.2.6
			tag V1.2.7
			tag vv1.2.8
			tag v1.2.9x
			tag x/v1.3.0
			tag v/1.4.0
			tag v0.0.0-20240101000000-abcdefabcdef
			tag v1.0.1-0.20240101000000-abcdefabcdef
			tag v1.0.0-pre.0.20240101000000-abcdefabcdef
			tag v2.0.0
			tag v3.0.0-pre
			tag v11.0.0
			tag v0.0.0
			tag v1.10.0
			tag v1.9.0
			branch v0.6.0
			branch v0.7.0
			tag v0.7.0
` + small,
		asks: `
			@v1.2.3-pre
			@v1.2.3-PRE
			@v1.2.3-rc.10
			@v0.0.0
			@v0.6.0 fails
			@v0.7.0
			@v2.0.0 fails does not fit
			@v1.2.5+incompatible fails
			@v0.0.0-20240101000000-abcdefabcdef fails no branch and no tag
			@v1.2.4 fails unknown version
			@v1.2.4+meta
			@master fails unknown revision
			@main
			@v1.2.9x
			x@v1.3.0 fails
			v2@v2.0.0 fails
		`,
	},
	{
		name:   "prerelease",
		intent: "A module may have prereleases alone.",
		script: `
			write
			commit one
			tag v1.0.0-alpha
			tag v1.0.0-alpha.1
			tag v0.1.0-rc1
` + small,
		asks: "@v1.0.0-alpha\n@v0.1.0-rc1",
	},
	{
		name:   "retracted",
		intent: "Retracted versions are listed and served like any other.",
		script: `
			write
			commit one
			tag v1.0.0
			print go.mod "module github.com/o/any\nretract [v1.0.0, v1.2.0]\n"
			commit two
			tag v1.1.0
			tag v1.2.0
` + small,
		asks: "@v1.0.0\n@v1.2.0",
	},
	{
		name:   "subdir",
		intent: "A module in a directory has tags of its own, and not those of others.",
		script: `
			write
			commit one
			tag v1.0.0
			tag lib/v1.0.0
			tag lib/v1.1.0-pre
			tag lib/1.2.0
			tag lib/sub/v1.3.0
			tag -a a/b/c/d/v0.1.0 -m text
			tag Upper/v1.0.0
			tag other/v1.0.0
			tag foobar/v1.0.0
` + small + `
-- LICENSE --
of the root
-- lib/go.mod --
module example.com/lib
-- lib/lib.go --
package lib
-- libs/no.go --
package libs
-- lib.go --
package any
-- a/b/c/d/go.mod --
module example.com/d
-- a/b/c/LICENSE --
not inherited
-- a/b/c/d/d.go --
package d
-- Upper/go.mod --
module github.com/o/subdir/Upper
-- other/no-go.mod --
-- foobar/x.go --
package foobar
`,
		asks: `
			@v1.0.0
			lib@v1.0.0
			lib@v1.1.0-pre
			lib@v1.2.0 fails
			a/b/c/d@v0.1.0
			Upper@v1.0.0
			other@v1.0.0 fails no go.mod
			foobar@v1.0.0 fails no go.mod
			nothing@v1.0.0 fails
		`,
	},
	{
		name:   "odddir",
		intent: "A directory that is a file, a link to a directory or a submodule is none.",
		script: `
			write
			symlink real link
			gitlink 0123456789012345678901234567890123456789 module
			commit one
			tag link/v1.0.0
			tag module/v1.0.0
			tag file/v1.0.0
			tag real/v1.0.0
			tag real/deep/link/v1.0.0
-- real/go.mod --
module example.com/real
-- file --
text
`,
		asks: `
			real@v1.0.0
			link@v1.0.0 fails
			module@v1.0.0 fails
			file@v1.0.0 fails
			real/deep/link@v1.0.0 fails
		`,
	},
	{
		name:   "nested",
		intent: "Directories with a go.mod of their own are left out, whatever its case, but not those that begin alike.",
		script: `
			write
			commit one
			tag v1.0.0
			tag foo/v1.0.0
			tag upper/v1.0.0
` + small + `
-- foo/go.mod --
module github.com/o/nested/foo
-- foo/foo.go --
package foo
-- foo/sub/go.mod --
-- foo/sub/sub.go --
package sub
-- foo/bar/x.go --
package bar
-- foobar/x.go --
package foobar
-- foo.go --
package any
-- foo-bar/x.go --
package foobar
-- upper/GO.MOD --
-- upper/x.go --
package upper
-- upper/deep/x.go --
package deep
-- mixed/Go.mOd --
module x
-- mixed/x.go --
package mixed
-- asdir/go.mod/x.go --
package x
-- asdir/y.go --
package x
`,
		asks: `
			@v1.0.0
			foo@v1.0.0
			upper@v1.0.0 fails
		`,
	},
	{
		name:   "nestedlink",
		intent: "A go.mod that is a link doesn't make a nested module, and the link is left out.",
		script: `
			write
			symlink ../go.mod foo/go.mod
			symlink nowhere bar/go.mod
			commit one
			tag v1.0.0
` + small + "-- foo/foo.go --\npackage foo\n-- bar/bar.go --\npackage bar\n",
		asks: "@v1.0.0",
	},
	{
		name:   "links",
		intent: "Symbolic links are left out: to files, to directories, to nowhere, and upwards.",
		script: `
			write
			symlink m.go link.go
			symlink sub linked
			symlink nowhere dangling
			symlink ../../../etc/passwd sub/up
			symlink /etc/passwd sub/abs
			commit one
			tag v1.0.0
` + small + "-- sub/x.go --\npackage sub\n",
		asks: "@v1.0.0",
	},
	{
		name:   "submodules",
		intent: "Submodules are left out, and so is what a nested one is called.",
		script: `
			write
			gitlink 0123456789012345678901234567890123456789 sub/module
			gitlink 0123456789012345678901234567890123456789 go.sum
			gitlink 0123456789012345678901234567890123456789 lib/LICENSE
			gitlink 0123456789012345678901234567890123456789 foo/go.mod
			commit one
			tag v1.0.0
			tag lib/v1.0.0
` + small + "-- .gitmodules --\n-- LICENSE --\ntext\n-- lib/go.mod --\nmodule x.y/lib\n-- lib/x.go --\npackage lib\n-- foo/foo.go --\npackage foo\n",
		asks: "@v1.0.0\nlib@v1.0.0",
	},
	{
		name:   "modes",
		intent: "Executable and empty files go in as they are.",
		script: `
			write
			print empty.go ""
			print zero.bin "\x00\x01\xff"
			chmod 755 run.sh
			commit one
			tag v1.0.0
` + small + "-- run.sh --\n#!/bin/sh\n",
		asks: "@v1.0.0",
	},
	{
		name:   "unicode",
		intent: "Names may hold letters of any script, and blanks.",
		script: `
			write
			print "sub dir/ä ö.txt" "x"
			print "日本語/ファイル.go" "package x"
			print "a!#$%&()+,-.=@[]^_{}~ b" "x"
			commit one
			tag v1.0.0
` + small,
		asks: "@v1.0.0",
	},
	{
		name:   "names",
		intent: "Names that module zips can't hold make the zip fail, as links too, but not where they are omitted.",
		script: badNames("con", "aux.txt", "dot.", "new\nline", "tab\t", "back\\slash", "colon:", "star*", "quote\"", "quote'",
			"less<", "bar|", "com1/x.go", "LPT9", "\x7f", "emoji😀", "question?", "backtick`", "semi;", "euro€"),
		asks: badNamesAsks(20) + `
			linked@v1.0.0 fails
			omitted@v1.0.0
			gitlinked@v1.0.0
		`,
	},
	{
		name:   "collisions",
		intent: "Names that differ by case alone make the zip fail: files, directories, links; but not omitted ones.",
		script: `
			write
			symlink x link/X.go
			commit one
			tag file/v1.0.0
			tag dir/v1.0.0
			tag mixed/v1.0.0
			tag link/v1.0.0
			tag fold/v1.0.0
			tag nested/v1.0.0
			tag rootcase/v1.0.0
-- file/go.mod --
module x.y/file
-- file/a.go --
-- file/A.go --
-- dir/go.mod --
module x.y/dir
-- dir/sub/a.go --
-- dir/Sub/b.go --
-- mixed/go.mod --
module x.y/mixed
-- mixed/sub --
-- mixed/SUB/b.go --
-- link/go.mod --
module x.y/link
-- link/x.go --
-- fold/go.mod --
module x.y/fold
-- fold/k.go --
-- fold/K.go --
-- nested/go.mod --
module x.y/nested
-- nested/n/go.mod --
-- nested/n/a.go --
-- nested/n/A.go --
-- nested/vendor/x/a.go --
-- nested/vendor/x/A.go --
-- rootcase/go.mod --
module x.y/rootcase
-- rootcase/GO.mod --
`,
		asks: `
			file@v1.0.0 fails collision
			dir@v1.0.0 fails collision
			mixed@v1.0.0 fails collision
			link@v1.0.0 fails collision
			fold@v1.0.0 fails collision
			nested@v1.0.0
			rootcase@v1.0.0 fails
		`,
	},
	{
		name:   "vendor",
		intent: "Which vendored files are left out depends on the go line.",
		script: vendors("none", "", "old", "go 1.13", "before", "go 1.23", "patch", "go 1.23.4", "rc", "go 1.24rc1", "since", "go 1.24", "later", "go 1.25.1",
			"bad", "go one", "block", "require (\n\tgo 1.24\n"),
		asks: "none@v1.0.0\nold@v1.0.0\nbefore@v1.0.0\npatch@v1.0.0\nrc@v1.0.0\nsince@v1.0.0\nlater@v1.0.0\nbad@v1.0.0\nblock@v1.0.0",
	},
	{
		name:   "toonew",
		intent: "A module for a go command of the future is ours to serve; the one at hand says that it is too old.",
		script: "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule x.y/z\n\ngo 1.999\n-- vendor/modules.txt --\n",
		asks:   "@v1.0.0 ours",
	},
	{
		name:   "license",
		intent: "A module in a directory inherits the root's LICENSE, unless it has one, be it a link.",
		script: `
			write
			symlink ../LICENSE linked/LICENSE
			commit one
			tag v1.0.0
			tag none/v1.0.0
			tag own/v1.0.0
			tag linked/v1.0.0
			tag lower/v1.0.0
			tag dir/v1.0.0
			tag between/sub/v1.0.0
			tag md/v1.0.0
			tag v2/v2.0.0
			tag v2.0.0
			tag nested/v1.0.0
			rm LICENSE
			commit 'without it'
			tag none/v1.1.0
			tag lower/v1.1.0
` + small + `
-- LICENSE --
of the root
-- none/go.mod --
module x.y/none
-- own/go.mod --
module x.y/own
-- own/LICENSE --
own
-- linked/go.mod --
module x.y/linked
-- lower/go.mod --
module x.y/lower
-- lower/license --
text
-- dir/go.mod --
module x.y/dir
-- dir/LICENSE/text --
text
-- between/LICENSE --
not this one
-- between/sub/go.mod --
module x.y/sub
-- md/go.mod --
module x.y/md
-- md/LICENSE.md --
text
-- v2/go.mod --
module x.y/z/v2
-- nested/go.mod --
module x.y/nested
-- nested/sub/LICENSE --
text
`,
		asks: `
			@v1.0.0
			none@v1.0.0
			none@v1.1.0
			own@v1.0.0
			linked@v1.0.0
			lower@v1.0.0 fails collision
			lower@v1.1.0
			dir@v1.0.0 fails LICENSE
			between/sub@v1.0.0
			md@v1.0.0
			v2@v2.0.0
			nested@v1.0.0
		`,
	},
	{
		name:   "rootlicense",
		intent: "The root's LICENSE may be a link, whose text is inherited, or a directory or submodule, which are not.",
		script: `
			write
			symlink sub/COPYING LICENSE
			commit one
			tag sub/v1.0.0
			rm LICENSE
			print LICENSE/x "text"
			commit two
			tag sub/v1.1.0
			git rm -q -r -f LICENSE
			gitlink 0123456789012345678901234567890123456789 LICENSE
			commit three
			tag sub/v1.2.0
			rm LICENSE
			print LICENSE ""
			commit four
			tag sub/v1.3.0
			print LICENSE "a\r\nb\r\n"
			chmod 755 LICENSE
			commit five
			tag sub/v1.4.0
-- sub/go.mod --
module x.y/sub
-- sub/COPYING --
text
`,
		asks: "sub@v1.0.0\nsub@v1.1.0\nsub@v1.2.0\nsub@v1.3.0\nsub@v1.4.0",
	},
	{
		name:   "big",
		intent: "A LICENSE or go.mod that is too large makes the zip fail.",
		script: "write\ncommit one\n" + small + "-- mod/x.go --\npackage x\n-- ok/go.mod --\nmodule x.y/ok\n",
		setup: func(r *gittest.Repo) {
			r.Write("mod/go.mod", append([]byte("module x.y/mod\n//"), bytes.Repeat([]byte("x"), modzip.MaxGoMod)...))
			r.Write("LICENSE", bytes.Repeat([]byte("x"), modzip.MaxLICENSE+1))
			r.Run("commit two\ntag v1.0.0\ntag mod/v1.0.0\ntag ok/v1.0.0")
			r.Write("LICENSE", bytes.Repeat([]byte("x"), modzip.MaxLICENSE))
			r.Run("commit two\ntag ok/v1.0.1")
		},
		asks: `
			@v1.0.0 fails LICENSE file too large
			mod@v1.0.0 fails go.mod has more than
			ok@v1.0.0 fails LICENSE file too large
			ok@v1.0.1
		`,
	},
	{
		name:   "hg",
		intent: "Of what other systems leave behind, .hg_archival.txt is dropped, and at the root alone.",
		script: "write\ncommit one\ntag v1.0.0\n" + small + `
-- .hg_archival.txt --
-- sub/.hg_archival.txt --
-- .hg/x --
-- .svn/x --
-- sub/.bzr/x --
-- .gitignore --
*
-- .github/workflows/x.yml --
`,
		asks: "@v1.0.0",
	},
	{
		name:   "crlf",
		intent: "Line ends are as they are stored, go.mod's too.",
		script: `
			write
			print dos.txt "a\r\nb\r\n"
			print mixed.go "a\nb\r\nc\rd"
			print go.mod "module github.com/o/any\r\n\r\ngo 1.21\r\n"
			commit one
			tag v1.0.0
` + small,
		asks: "@v1.0.0",
	},
	{
		name:   "harmless",
		intent: "Attributes that change nothing do no harm.",
		script: `
			write
			print dos.txt "a\r\nb\r\n"
			print unix.txt "a\nb\n$Id$ $Format:%H$\n"
			commit one
			tag v1.0.0
			tag sub/v1.0.0
` + small + `
-- .gitattributes --
# * eol=crlf
* text=auto
*.txt text eol=lf
!*.txt eol=crlf
*.png binary
*.bat eol=crlf
/*.cmd text eol=crlf
**/*.[cC][mM][dD] eol=crlf
*.{cmd,[cC][mM][dD]} text eol=crlf
sub/win/ eol=crlf
*.go diff=golang -ident !eol
*.md linguist-documentation eol=CRLF
*.bin filter=lfs diff=lfs merge=lfs -text
unix.txt export-subst export-ignore
m.go crlf=input working-tree-encoding=UTF-8
dos.txt -crlf text=crlf eol ident=x -working-tree-encoding
*.utf16 working-tree-encoding=UTF-16LE
[attr]dos text eol=crlf
[attr]dosdos dos
*.sln dos
*.csproj dosdos
*.go -dos !dosdos dos=dos
eol=crlf
-- export.go --
package m
-- a.bin --
version https://git-lfs.github.com/spec/v1
-- sub/go.mod --
module x.y/sub
-- sub/.gitattributes --
*.vcxproj eol=crlf
-- sub/other/.gitattributes --
* export-ignore
-- sub/other/other.go --
package other
`,
		asks: "@v1.0.0\nsub@v1.0.0",
	},
	{
		name:   "attributes",
		intent: "Where attributes change a file on its way into the archive, we refuse: conversions are not made yet.",
		script: attributes,
		asks: `
			eol@v1.0.0 refused attribute eol=crlf
			ident@v1.0.0 refused attribute ident
			encoding@v1.0.0 refused attribute working-tree-encoding
			quoted@v1.0.0 refused attribute eol=crlf
			macro@v1.0.0 refused attribute eol=crlf
			macro2@v1.0.0 refused attribute ident
			link@v1.0.0 refused attribute eol=crlf
			fromroot@v1.0.0 refused attribute eol=crlf
			deep/er@v1.0.0 refused attribute eol=crlf
			major/v2@v2.0.0 refused attribute eol=crlf
			nulbyte@v1.0.0 refused attribute eol=crlf
			tokens@v1.0.0 refused attribute ident
			other@v1.0.0
			gomod@v1.0.0 refused attribute eol=crlf
			sub@v1.0.0 refused attribute eol=crlf
			asdir@v1.0.0
			omitted@v1.0.0
			sibling@v1.0.0
			license@v1.0.0
			true@v1.0.0 fails attribute working-tree-encoding
			trueomitted@v1.0.0 fails attribute working-tree-encoding
		`,
	},
	{
		name:   "majors",
		intent: "A major version is in the directory or in its /vN, as go.mod says, and not in both.",
		script: majors,
		asks: `
			@v1.0.0
			@v1.5.0 fails major version
			/v2@v2.0.0
			/v2@v2.1.0
			/v2@v2.2.0 fails both
			/v2@v2.3.0 fails major version
			/v2@v2.4.0 fails no go.mod
			/v2@v2.5.0 fails no module path
			/v2@v2.6.0
			/v2@v1.0.0 fails
			/v3@v3.0.0 fails
			/v3@v2.0.0 fails
			sub@v1.0.0
			sub/v2@v2.0.0
			sub/v2@v2.1.0
			sub/v2@v2.2.0 fails both
			sub/v2@v2.3.0 fails no go.mod
			sub/v2@v2.4.0 fails
			sub@v2.0.0 fails
		`,
	},
	{
		name:   "gopkgin",
		intent: "A path without major takes any gopkg.in go.mod, by an old bug that must be kept.",
		script: `
			write
			commit one
			tag v1.0.0
			tag v1.1.0
			tag sub/v0.1.0
			tag un/v0.1.0
			tag bad/v0.1.0
			tag v2dot/v0.1.0
-- go.mod --
module gopkg.in/any.v2
-- sub/go.mod --
module gopkg.in/any.v1
-- un/go.mod --
module gopkg.in/any.v3-unstable
-- bad/go.mod --
module gopkg.in/any/v3
-- v2dot/go.mod --
module example.com/any.v2
`,
		asks: "@v1.0.0\nsub@v0.1.0\nun@v0.1.0\nbad@v0.1.0\nv2dot@v0.1.0",
	},
	{
		name:   "gomod",
		intent: "What go.mod looks like decides whether there is a module: only a root may do without.",
		script: goMods("empty", "", "bom", "\ufeffmodule x.y/z\n", "comment", "// text\n", "quoted", "module \"x.y/z\"\n", "raw", "module `x.y/z`\n", "block", "module (\n\tx.y/z\n)\n",
			"nonl", "module x.y/z", "crlf", "module x.y/z\r\n", "other", "module something.else/at/all\n", "major", "module x.y/z/v2\n",
			"major1", "module x.y/z/v1\n", "bad", "module ../../x\n", "odd", "module \"a\\nb\"\n", "broken", "module x.y/z\nrequire (\n", "binary", "module x.y/z\n\x00\xff\n", "late", "go 1.21\nmodule x.y/z\n", "slash", "module x.y/z // comment\n"),
		asks: `
			empty@v1.0.0 fails no module path
			bom@v1.0.0 fails no module path
			comment@v1.0.0 fails
			quoted@v1.0.0
			raw@v1.0.0
			block@v1.0.0
			nonl@v1.0.0
			crlf@v1.0.0
			other@v1.0.0
			major@v1.0.0 fails major version
			major1@v1.0.0 fails
			bad@v1.0.0
			odd@v1.0.0
			broken@v1.0.0
			binary@v1.0.0
			late@v1.0.0
			slash@v1.0.0
		`,
	},
	{
		name:   "gomodlink",
		intent: "A go.mod that is a link is what the link says, which is no go.mod, but may look like one.",
		script: `
			write
			symlink real.mod go.mod
			symlink 'module x.y/z' odd/go.mod
			print dir/go.mod/x "module x.y/z"
			gitlink 0123456789012345678901234567890123456789 gitlink/go.mod
			print gitlink/x.go "package x\n"
			commit one
			tag v1.0.0
			tag odd/v1.0.0
			tag dir/v1.0.0
			tag gitlink/v1.0.0
-- real.mod --
module github.com/o/gomodlink
-- odd/x.go --
package odd
`,
		asks: "@v1.0.0 fails no module path\nodd@v1.0.0\ndir@v1.0.0 fails\ngitlink@v1.0.0 fails",
	},
	{
		name:   "none",
		intent: "A root without go.mod gets one made up, which is not in its zip.",
		script: "write\ncommit one\ntag v0.1.0\ntag v1.0.0\n-- x.go --\npackage x\n-- vendor/x/x.go --\npackage x\n-- pkg/vendor/x.go --\n-- vendor/modules.txt --\n-- sub/go.mod --\nmodule x.y/z\n",
		asks:   "@v0.1.0\n@v1.0.0\n/v2@v2.0.0 fails",
	},
	{
		name:   "dirgomod",
		intent: "At the root, a directory or submodule named go.mod is as good as none; the go command stumbles later over the directory.",
		script: "print go.mod/x.go \"package x\\n\"\ncommit one\ntag v0.1.0\ngit rm -q -r -f go.mod\ngitlink 0123456789012345678901234567890123456789 go.mod\nprint x.go \"\"\ncommit two\ntag v0.2.0\n",
		asks:   "@v0.1.0 ours\n@v0.2.0",
	},
	{
		name:   "uppergomod",
		intent: "At the root, GO.MOD is an error.",
		script: "write\ncommit one\ntag v0.1.0\n-- GO.MOD --\nmodule x.y/z\n-- x.go --\n",
		asks:   "@v0.1.0 fails lowercase",
	},
	{
		name:   "incompatible",
		intent: "Where the root has no go.mod, later major versions are +incompatible.",
		script: "write\ncommit one\ntag v1.0.0\ntag v2.0.0\ntag v3.0.0-pre\n-- x.go --\npackage x\n",
		asks:   "@v1.0.0\n@v2.0.0+incompatible\n@v2.0.0",
	},
	{
		name:   "empty",
		intent: "A module may have no file at all.",
		script: "commit nothing\ntag v1.0.0\nsymlink a b\ncommit link\ntag v1.1.0\n",
		asks:   "@v1.0.0\n@v1.1.0",
	},
	{
		name:   "treetags",
		intent: "Tags on trees and blobs are listed, but nothing can be made of them.",
		script: `
			write
			commit one
			tag v1.0.0
			tag v1.1.0 HEAD^{tree}
			tag v1.2.0 HEAD:go.mod
			tag -a v1.3.0 -m tree HEAD^{tree}
			tag -a v1.4.0 -m blob HEAD:go.mod
			tag -a v1.5.0 -m again v1.4.0
` + small,
		asks: `
			@v1.0.0
			@v1.1.0 fails no commit
			@v1.2.0 fails no commit
			@v1.3.0 fails no commit
			@v1.4.0 fails no commit
			@v1.5.0 fails no commit
		`,
	},
	{
		name:   "deltas",
		intent: "A module of many files and versions is served out of a pack with deltas.",
		script: "init -q -b main\n",
		setup: func(r *gittest.Repo) {
			r.Write("go.mod", []byte("module x.y/z\n"))
			for i := range 300 {
				var b strings.Builder
				for j := range 60 {
					fmt.Fprintf(&b, "var v%d = %q // line %d of file %d\n", j, strings.Repeat("x", i%7), j, i/2)
				}
				r.Write(fmt.Sprintf("pkg%d/sub/file%d.go", i%17, i), []byte(b.String()))
			}
			r.Run("commit one\ntag v1.0.0")
			for i := range 10 {
				r.Write(fmt.Sprintf("pkg%d/sub/file%d.go", i%17, i), []byte(strings.Repeat(fmt.Sprintf("// again %d\n", i), 200)))
				r.Run(fmt.Sprintf("commit more\ntag v1.%d.0", i+1))
			}
			r.Repack()
		},
		asks: "@v1.0.0\n@v1.4.0\n@v1.10.0",
	},
	{
		name:   "sha256",
		intent: "Repositories of the new hash are served, too.",
		script: "init -q -b main --object-format=sha256\nwrite\ncommit one\ntag -a v1.0.0 -m text\ntag sub/v1.0.0\n" + small + "-- LICENSE --\ntext\n-- sub/go.mod --\nmodule x.y/z\n",
		asks:   "@v1.0.0\nsub@v1.0.0",
	},
	{
		name:   "dotgit",
		intent: "Git makes no archive of a tree with an entry that could pass for .git, even one that the zip would omit.",
		setup: func(r *gittest.Repo) {
			odd(r, "vendor", "v1.0.0", "100644", ".git")
			odd(r, "vendor", "v1.1.0", "100644", ".GIT")
			odd(r, "vendor", "v1.2.0", "100644", "git~1")
			odd(r, "vendor", "v1.3.0", "120000", ".gitmodules")
			odd(r, "vendor", "v1.4.0", "100644", ".git ..")
			odd(r, "vendor", "v1.5.0", "100644", ".gitx")
			odd(r, "vendor", "v1.6.0", "100644", ".gitmodules")
			odd(r, "vendor", "v1.7.0", "100644", "git~2")
			odd(r, "vendor", "v1.8.0", "100644", "..")
			odd(r, "vendor", "v1.9.0", "100644", ".git:x")
		},
		asks: `
			@v1.0.0 fails git refuses
			@v1.1.0 fails git refuses
			@v1.2.0 fails git refuses
			@v1.3.0 fails git refuses
			@v1.4.0 fails git refuses
			@v1.5.0
			@v1.6.0
			@v1.7.0
			@v1.8.0 fails
			@v1.9.0 fails git refuses
		`,
	},

	{
		name:   "latin1",
		intent: "Names must be UTF-8, unless they are omitted.",
		setup: func(r *gittest.Repo) {
			odd(r, "vendor", "v1.0.0", "100644", "latin\xe9")
			odd(r, "source", "v1.1.0", "100644", "latin\xe9")
		},
		asks: "@v1.0.0\n@v1.1.0 fails",
	},

	// Patterns of tags that the go command doesn't know: for it, a copy is tagged in its way.
	{
		name:   "dashed",
		intent: "A directory's tags may have any prefix.",
		tags:   "x-mod-*", dir: "x/mod",
		script: "write\ncommit one\ntag {1.0.0}\ntag -a {1.1.0-pre} -m text\nprint x/mod/y.go \"package y\"\ncommit two\ntag {1.1.0}\ntag {1.1}\ntag {01.1.0}\ntag {2.0.0}\ntag {0.0.0-20240101000000-abcdefabcdef}\n-- x/mod/go.mod --\nmodule golang.org/x/mod\n-- x/mod/x.go --\npackage x\n-- LICENSE --\ntext\n",
		asks:   "x/mod@v1.0.0\nx/mod@v1.1.0-pre\nx/mod@v1.1.0\nx/mod@v1.2.0 fails\nx/mod/v2@v2.0.0 fails",
	},
	{
		name:   "bare",
		intent: "Tags may be bare versions.",
		tags:   "*", dir: "",
		script: "write\ncommit one\ntag {0.1.0}\ntag {1.0.0-rc.1}\ntag {1.0.0}\ntag {1.0.0+meta}\nprint go.mod \"module x.y/z/v2\"\ncommit two\ntag {2.0.0}\n" + small,
		asks:   "@v0.1.0\n@v1.0.0-rc.1\n@v1.0.0\n/v2@v2.0.0\n/v2@v2.0.1 fails",
	},
	{
		name:   "around",
		intent: "A pattern may have a prefix and a suffix, with slashes.",
		tags:   "pre/x-*-post/y", dir: "go",
		script: "write\ncommit one\ntag {0.1.0}\ntag {1.0.0-rc-post}\ntag {1.0.0}\nprint go/v2/go.mod \"module x.y/z/v2\"\ncommit two\ntag {2.0.0}\n-- go/go.mod --\nmodule x.y/z\n",
		asks:   "go@v0.1.0\ngo@v1.0.0-rc-post\ngo@v1.0.0\ngo/v2@v2.0.0",
	},
	{
		name:   "rootpattern",
		intent: "A directory may go by the repository's own versions.",
		tags:   "v*", dir: "sub",
		script: "write\ncommit one\ntag {1.0.0}\ntag {1.1.0}\n-- sub/go.mod --\nmodule x.y/z\n-- go.mod --\nmodule x.y/root\n-- sub/nested/go.mod --\n-- sub/nested.go --\n",
		asks:   "sub@v1.0.0\nsub@v1.1.0",
	},
	{
		name:   "suffix",
		intent: "A pattern may be a suffix alone, and look like metadata.",
		tags:   "v*+go", dir: "",
		script: "write\ncommit one\ntag {1.0.0}\ntag {1.1.0-pre}\n" + small,
		asks:   "@v1.0.0\n@v1.1.0-pre",
	},
}

// badNames makes one module of each name, and some that hold them where they don't matter.
func badNames(names ...string) string {
	var b, tags strings.Builder
	file := func(dir, name string) {
		fmt.Fprintf(&b, "print %s/go.mod \"module x.y/z\\n\"\nprint %s/%q \"\"\n", dir, dir, name)
		fmt.Fprintf(&tags, "tag %s/v1.0.0\n", dir)
	}
	for i, name := range names {
		file(fmt.Sprintf("n%d", i), name)
		fmt.Fprintf(&b, "print omitted/vendor/x/%q \"\"\nprint omitted/nested/%q \"\"\n", name, name)
	}
	file("omitted", "nested/go.mod")
	file("linked", "x.go")
	b.WriteString("symlink x.go linked/con\n")
	file("gitlinked", "x.go")
	b.WriteString("gitlink 0123456789012345678901234567890123456789 gitlinked/con\n")
	return b.String() + "commit one\n" + tags.String()
}

func badNamesAsks(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d@v1.0.0 fails\n", i)
	}
	return b.String()
}

// vendors makes modules with go lines, and all kinds of vendored files.
func vendors(lines ...string) string {
	var b strings.Builder
	var files strings.Builder
	b.WriteString("print LICENSE text\n")
	for i := 0; i < len(lines); i += 2 {
		fmt.Fprintf(&b, "write common %s\nprint %s/go.mod %q\n", lines[i], lines[i], "module x.y/z\n\n"+lines[i+1]+"\n")
	}
	b.WriteString("commit one\n")
	for i := 0; i < len(lines); i += 2 {
		fmt.Fprintf(&b, "tag %s/v1.0.0\n", lines[i])
	}
	for _, name := range []string{"vendor/modules.txt", "vendor/x.go", "vendor/x.y/x.go", "pkg/vendor/x.go", "pkg/vendor/sub/x.go", "pkg/vendor/modules.txt",
		"vendor/vendor/x.go", "a/vendor.go", "vendors/x/x.go", "a/b/vendor/c/vendor/d.go", "vendored/vendor/x.go", "pkg/vendor/vendor.go"} {
		fmt.Fprintf(&files, "-- common/%s --\npackage x\n", name)
	}
	return b.String() + files.String()
}

// goMods makes modules with such and such go.mod files.
func goMods(mods ...string) string {
	var b strings.Builder
	for i := 0; i < len(mods); i += 2 {
		text := strings.ReplaceAll(fmt.Sprintf("%q", mods[i+1]), `\ufeff`, "\ufeff")
		fmt.Fprintf(&b, "print %s/go.mod %s\nprint %s/x.go \"package x\"\n", mods[i], text, mods[i])
	}
	b.WriteString("commit one\n")
	for i := 0; i < len(mods); i += 2 {
		fmt.Fprintf(&b, "tag %s/v1.0.0\n", mods[i])
	}
	return b.String()
}

const majors = `
	write root
	write sub sub
	commit 'v1 in both'
	tag v1.0.0
	tag sub/v1.0.0
	print go.mod "module x.y/z/v2\n"
	print sub/go.mod "module x.y/sub/v2\n"
	commit 'v2 in the directories'
	tag v1.5.0
	tag v2.0.0
	tag v3.0.0
	tag sub/v2.0.0
	print v2/go.mod "module x.y/z/v2\n"
	print v2/v2.go "package z\n"
	print sub/v2/go.mod "module x.y/sub/v2\n"
	print sub/v2/sub.go "package sub\n"
	commit 'v2 in both'
	tag v2.2.0
	tag sub/v2.2.0
	print go.mod "module x.y/z\n"
	print sub/go.mod "module x.y/sub\n"
	commit 'v2 below'
	tag v2.1.0
	tag sub/v2.1.0
	print v2/go.mod "module x.y/z/v3\n"
	print sub/v2/go.mod "module x.y/sub\n"
	commit 'wrong below'
	tag v2.3.0
	tag sub/v2.4.0
	rm go.mod v2 sub
	commit 'nothing'
	tag v2.4.0
	tag sub/v2.3.0
	print v2/go.mod ""
	commit 'empty below'
	tag v2.5.0
	print v2/go.mod "module x.y/z/v2\n"
	commit 'below, nothing above'
	tag v2.6.0
-- root/go.mod --
module x.y/z
-- root/z.go --
package z
-- root/LICENSE --
text
-- sub/go.mod --
module x.y/sub
-- sub/sub.go --
package sub
`

var attributes = `
	write
	print eol/.gitattributes "*.txt eol=crlf\n"
	print ident/.gitattributes "* ident"
	print ident/x.txt "$Id$\n"
	print encoding/.gitattributes "\t*.txt\tworking-tree-encoding=UTF-16LE\r\n"
	print quoted/.gitattributes "\"a b.txt\"eol=crlf\n"
	print "quoted/a b.txt" "a\nb\n"
	print macro/.gitattributes "*.txt dosdos\n"
	print macro2/.gitattributes "*.txt identdos\n"
	symlink '*.txt eol=crlf' link/.gitattributes
	print deep/.gitattributes "er/x.txt eol=crlf\n"
	print major/.gitattributes "v2/*.txt eol=crlf\n"
	print nulbyte/.gitattributes "*.txt eol=crlf\x00 x"
	print gomod/.gitattributes "go.mod eol=crlf\n"
	print sub/deep/.gitattributes "x.txt text eol=crlf\n"
	print sub/deep/x.txt "a\nb\n"
	print tokens/.gitattributes "*.[tT]?[!a]\\\\ eol=crlf\n*.[tT][xX][s-t] ident\n"
	print other/.gitattributes "*.[tT][xX][pP] eol=crlf\ny/*.txt eol=crlf\n*/x.txt/ eol=crlf\n?x.txt ident\n"
	print asdir/.gitattributes/.gitattributes "*.md eol=crlf\n"
	print omitted/.gitattributes "/n/* eol=crlf\nn/*/* ident\nvendor/*/*.md eol=crlf\n*.lnk eol=crlf\n"
	print omitted/n/go.mod ""
	print omitted/n/m/y ""
	print omitted/vendor/x/x.md "x\n"
	symlink x.txt omitted/x.lnk
	print sibling/other/.gitattributes "* eol=crlf"
	print sibling/other/go.mod ""
	print license/.gitattributes "LICENSE eol=crlf\n"
	print true/.gitattributes "*.txt working-tree-encoding\n"
	print trueomitted/.gitattributes "*.md working-tree-encoding\n"
	print trueomitted/vendor/x/x.md "x\n"
	commit one
	tag eol/v1.0.0
	tag ident/v1.0.0
	tag encoding/v1.0.0
	tag quoted/v1.0.0
	tag macro/v1.0.0
	tag macro2/v1.0.0
	tag link/v1.0.0
	tag fromroot/v1.0.0
	tag deep/er/v1.0.0
	tag major/v2.0.0
	tag nulbyte/v1.0.0
	tag tokens/v1.0.0
	tag other/v1.0.0
	tag gomod/v1.0.0
	tag sub/v1.0.0
	tag asdir/v1.0.0
	tag omitted/v1.0.0
	tag sibling/v1.0.0
	tag license/v1.0.0
	tag true/v1.0.0
	tag trueomitted/v1.0.0
-- .gitattributes --
[attr]dosdos dos
[attr]dos text eol=crlf
[attr]identdos -text ident
/fromroot/*.txt eol=crlf
-- LICENSE --
text
of two lines
` + moduleFiles

var moduleFiles = func() string {
	var b strings.Builder
	for dir := range strings.FieldsSeq("eol ident encoding quoted macro macro2 link fromroot deep/er nulbyte tokens other gomod sub asdir omitted sibling license true trueomitted") {
		fmt.Fprintf(&b, "-- %s/go.mod --\nmodule x.y/z\n-- %s/x.txt --\na\nb\n", dir, dir)
	}
	return b.String() + "-- major/v2/go.mod --\nmodule x.y/z/v2\n-- major/v2/x.txt --\na\nb\n"
}()

// odd tags a commit whose tree has an entry that git doesn't make of itself, at DIR/sub. Zips omit it where dir is
// vendor.
func odd(r *gittest.Repo, dir, tag, mode, name string) {
	tree := func(mode, name, hash string) string {
		raw, _ := hex.DecodeString(hash)
		return mode + " " + name + "\x00" + string(raw)
	}
	write := func(entries string) (hash string) {
		r.Write("tree", []byte(entries))
		return r.Git("hash-object", "-t", "tree", "-w", "--literally", "tree")
	}
	sub := write(tree(mode, name, blobHash(r, "x\n")))
	root := write(tree("100644", "go.mod", blobHash(r, "module x.y/z\n")) + tree("40000", dir, write(tree("40000", "sub", sub))))
	r.Git("tag", tag, r.Git("commit-tree", "-m", "odd", root))
}

func blobHash(r *gittest.Repo, content string) string {
	r.Write("blob", []byte(content))
	return r.Git("hash-object", "-w", "blob")
}
