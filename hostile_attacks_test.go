package vanity_test

import (
	"fmt"
	"io"
	"strings"
)

// hostileAttacks have their bounds by what was measured, and half of that again. An answer in the making may have 512 MiB by its
// own account (internal/budget), of which the garbage collector makes twice as much; all together may have twice that.
var hostileAttacks = []hostileAttack{
	{name: "no attack", host: moduleWith(nil), file: "@v/v1.0.0.zip", want: "200", memory: 40},

	{name: "a million tags", host: listing(1_000_000, "v1.0.%d"), file: "@v/list", want: "502", text: "takes more memory", memory: 600, heavy: true},
	{name: "more than a million refs", host: listing(1_000_001, "x%d"), file: "@v/list", want: "502", text: "lists more than 1000000 refs", memory: 60, heavy: true},
	{name: "long tags", host: listing(18_000, "v1.0.%d-"+strings.Repeat("a", 16_000)), file: "@v/list", want: "502", text: "takes more memory", memory: 600, heavy: true},
	{name: "tags forever", host: &hostile{refs: forever("", aTag)}, file: "@v/list", want: "502", text: "takes more memory|more than 1000000 refs", memory: 600, heavy: true},
	{name: "tags forever in version 0", host: &hostile{advertise: forever(hostileVersion0, aTag)}, file: "@v/list", want: "502", text: "takes more memory|more than 1000000 refs", memory: 600, heavy: true},
	{name: "shallow commits forever", host: &hostile{advertise: forever(hostileVersion0, pktLine("shallow "+strings.Repeat("a", 10_000)))}, file: "@v/list", want: "502", text: "lists refs of", memory: 60, heavy: true},
	{name: "capabilities forever", host: &hostile{advertise: forever("", pktLine("version 2"))}, file: "@v/list", want: "502", text: "advertises capabilities", memory: 40},

	{name: "lines before the pack forever", host: &hostile{head: aName, fetch: forever("", pktLine("shallow "+strings.Repeat("a", 65_000)))}, file: "@v/v1.0.0.zip", want: "502", text: "has no pack", memory: 60},
	{name: "progress forever", host: &hostile{head: aName, fetch: forever(pktLine("packfile\n"), pktLine("\x02working"))}, file: "@v/v1.0.0.zip", want: "502", text: "other things than the pack", memory: 40},
	{name: "4294967295 objects that aren't there", host: &hostile{head: aName, pack: func() []byte { return new(pack).bytes(1<<32 - 1) }}, file: "@v/v1.0.0.zip", want: "502", text: "4294967295 objects", memory: 40},
	{name: "a million objects", host: moduleWith(func(p *pack) {
		for range 999_990 {
			p.add(packBlob, "")
		}
	}), file: "@v/v1.0.0.zip", want: "200", memory: 300, heavy: true},
	{name: "a delta bomb", host: moduleWith(func(p *pack) { p.bomb(40) }), file: "@v/v1.0.0.zip", want: "502", text: "holds more than", memory: 420, heavy: true},
	{name: "50 delta bombs at the same time", host: moduleWith(func(p *pack) { p.bomb(1) }), times: 50, file: "@v/v1.0.0.zip", want: "200 503", text: "fetches too much at the same time", memory: 1500, heavy: true},
	{name: "an object that says 2 GiB", host: moduleWith(func(p *pack) { p.begin(packBlob, 2<<30) }), file: "@v/v1.0.0.zip", want: "502", text: "2147483648 bytes, more than", memory: 40},
	{name: "an object of 2 GiB that says 100 bytes", host: moduleWith(func(p *pack) {
		p.begin(packBlob, 100)
		p.b.Write(zeroStream(2 << 30))
	}), file: "@v/v1.0.0.zip", want: "502", text: "has not the size 100", memory: 40},

	{name: "trees of trees of trees", host: moduleWith(func(p *pack) {
		below, mode := p.add(packBlob, "x"), "100644"
		for range 10 {
			tree := ""
			for i := range 10 {
				tree += entry(mode, fmt.Sprint(i), below)
			}
			below, mode = p.add(packTree, tree), "40000"
		}
		p.enter("40000", "d", below)
	}), file: "@v/v1.0.0.zip", want: "502", text: "more than 1000000 entries", memory: 300, heavy: true},
	{name: "a million files", host: moduleWith(func(p *pack) { p.files(999_990, "%06d", "x") }), file: "@v/v1.0.0.zip", want: "502", text: "takes more memory", memory: 500, heavy: true},
	{name: "files far down", host: moduleWith(func(p *pack) {
		p.files(100_000, "%06d", "x")
		p.enter("40000", strings.Repeat("z", 60_000), p.add(packTree, p.takeRoot()))
	}), file: "@v/v1.0.0.zip", want: "502", text: "paths of more than|takes more memory", memory: 450, heavy: true},
	{name: "directories 10000 levels deep", host: moduleWith(func(p *pack) { p.nest(10_000, "d") }), file: "@v/v1.0.0.zip", want: "502", text: "or 2048 levels", memory: 60, heavy: true},
	{name: "long names 1000 levels deep", host: moduleWith(func(p *pack) { p.nest(1000, strings.Repeat("d", 60_000)) }), file: "@v/v1.0.0.zip", want: "502", text: "a path of more than 65535 bytes", memory: 200, heavy: true},
	{name: "names of 60 MiB", host: moduleWith(func(p *pack) {
		for i := range 9 {
			name := fmt.Sprint(i) + strings.Repeat("a", 60<<20)
			p.enter("40000", fmt.Sprint(i), p.add(packTree, entry("100644", name, aName)))
		}
	}), file: "@v/v1.0.0.zip", want: "502", text: "takes more memory", memory: 750, heavy: true},

	{name: "a commit of 80000 parents", host: moduleWith(func(p *pack) { p.parents = 80_000 }), file: "@v/v1.0.0.zip", want: "200", memory: 40, heavy: true},
	{name: "a commit of a million parents", host: moduleWith(func(p *pack) { p.parents = 1_000_000 }), file: "@v/v1.0.0.zip", want: "502", text: "more than 4194304", memory: 40, heavy: true},
	{name: "50 commits of 80000 parents", host: manyParents(50, 80_000), file: "@v/v0.0.0-20231114221320-0123456789ab.info", want: "404", text: "no branch and no tag leads to", memory: 40, heavy: true},
	{name: "tags of tags", host: tagsOfTags(100), file: "@v/v1.0.0.zip", want: "404", text: "leads to no commit", memory: 40},

	{name: "go.mod of 1 GiB", host: moduleWith(func(p *pack) { p.goMod = func() string { p.begin(packBlob, 1<<30); return aName } }), file: "@v/v1.0.0.mod", want: "502", text: "more than 524288000", memory: 40},
	{name: "go.mod of 100 MiB", host: moduleWith(func(p *pack) { p.goMod = func() string { return p.zeros(100 << 20) } }), file: "@v/v1.0.0.mod", want: "404", text: "go.mod has more than 16777216 bytes", memory: 40, heavy: true},
	{name: "go.mod of 8 million lines", host: moduleWith(func(p *pack) {
		p.goMod = func() string { return p.add(packBlob, hostileGoMod+strings.Repeat("a\n", 8<<20-100)) }
	}), file: "@latest", want: "502", text: "takes more memory", memory: 80, heavy: true},
	{name: ".gitattributes of 100 MiB", host: moduleWith(func(p *pack) { p.enter("100644", ".gitattributes", p.zeros(100<<20)) }), file: "@v/v1.0.0.zip", want: "404", text: "more than 4194304 bytes", memory: 40, heavy: true},
	{name: ".gitattributes of 200000 patterns", host: moduleWith(func(p *pack) {
		var b strings.Builder
		for i := range 200_000 {
			fmt.Fprintf(&b, "*%d* ident\n", i)
		}
		p.enter("100644", ".gitattributes", p.add(packBlob, b.String()))
		p.files(10_000, "a%06d", "x")
	}), file: "@v/v1.0.0.zip", want: "404", text: "attributes are too complicated", memory: 200, heavy: true},
	{name: "LICENSE of 100 MiB", host: moduleWith(func(p *pack) { p.enter("100644", "LICENSE", p.zeros(100<<20)) }), file: "@v/v1.0.0.zip", want: "404", text: "LICENSE", memory: 40, heavy: true},
	{name: "a zip of 499 MiB", host: moduleWith(func(p *pack) { p.enter("100644", "a", p.zeros(499<<20)) }), file: "@v/v1.0.0.zip", want: "200", memory: 40, heavy: true},
	{name: "a file of 100 MiB again and again", host: moduleWith(func(p *pack) {
		p.files(10_000, "a%06d", "x")
		blob := p.zeros(100 << 20)
		for i := range 10 {
			p.enter("100644", fmt.Sprint("b", i), blob)
		}
	}), file: "@v/v1.0.0.zip", want: "404", text: "too large", memory: 60, heavy: true},
	{name: "a file converted again and again", host: moduleWith(func(p *pack) {
		p.enter("100644", ".gitattributes", p.add(packBlob, "a* working-tree-encoding=UTF-32 eol=crlf ident\n"))
		p.files(1000, "a%06d", strings.Repeat("a\n", 30<<20))
	}), file: "@v/v1.0.0.zip", want: "404", text: "too large once they are converted", memory: 250, heavy: true},
}

// aName is an object's name, aTag a line that lists a tag, and hostileVersion0 how the advertisement of version 0 begins.
var (
	aName           = strings.Repeat("a", 20)
	aTag            = pktLine(strings.Repeat("61", 20) + " refs/tags/v1.0.0\n")
	hostileVersion0 = "001e# service=git-upload-pack\n0000" + pktLine(strings.Repeat("61", 20)+" refs/tags/v1.0.0\x00shallow\n")
)

// forever says something, and then something else until nobody listens.
func forever(first, then string) func(io.Writer) {
	return func(w io.Writer) {
		_, err := io.WriteString(w, first)
		for err == nil {
			_, err = io.WriteString(w, then)
		}
	}
}

// moduleWith is a host of a module with what fill puts into its pack and beside its go.mod.
func moduleWith(fill func(p *pack)) *hostile {
	h := new(hostile)
	h.pack = func() []byte {
		p := new(pack)
		if fill != nil {
			fill(p)
		}
		h.head = p.module()
		return p.bytes(0)
	}
	return h
}

// listing is a host of so many tags.
func listing(n int, format string) *hostile {
	h := moduleWith(nil)
	h.refs = func(w io.Writer) {
		for i := range n {
			io.WriteString(w, pktLine(fmt.Sprintf("%x refs/tags/"+format+"\n", h.head, i)))
		}
		io.WriteString(w, "0000")
	}
	return h
}

func manyParents(commits, parents int) *hostile {
	h := new(hostile)
	var names []string
	h.pack = func() []byte {
		p := &pack{parents: parents}
		tree := p.add(packTree, "")
		for i := range commits {
			names = append(names, p.commit(tree, fmt.Sprintf("number %d\n", i)))
		}
		return p.bytes(0)
	}
	h.refs = func(w io.Writer) {
		for i, name := range names {
			io.WriteString(w, pktLine(fmt.Sprintf("%x refs/tags/v1.0.%d\n", name, i)))
		}
		io.WriteString(w, "0000")
	}
	return h
}

func tagsOfTags(n int) *hostile {
	h := new(hostile)
	h.pack = func() []byte {
		p := new(pack)
		h.head = p.module()
		kind := "commit"
		for range n {
			h.head = p.add(packTag, fmt.Sprintf("object %x\ntype %s\ntag v1.0.0\ntagger A%s\nwords\n", h.head, kind, hostileTime))
			kind = "tag"
		}
		return p.bytes(0)
	}
	return h
}
