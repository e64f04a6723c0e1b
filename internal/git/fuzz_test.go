package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// fuzzLimits keep a single input from taking long.
var fuzzLimits = git.Limits{PackBytes: 1 << 20, Objects: 1000, Object: 1 << 20, Delta: 1 << 20, Inflated: 4 << 20, Depth: 100}

func FuzzReadPack(f *testing.F) {
	r := gittest.New(f, "commit empty\nwrite\ncommit files\ntag -a v1 -m one\n-- a --\none\n-- b/c --\n"+strings.Repeat("two and more\n", 50))
	r.Write("b/c", []byte(strings.Repeat("two and more\n", 49)+"three"))
	r.Commit("more")
	r.Repack()
	f.Add(packOf(f, r, "--delta-base-offset"))
	f.Add(packOf(f, r))
	f.Add(packOf(f, r, "--depth=0", "--no-reuse-delta"))
	f.Add(chain(5))
	f.Add(craft())
	const text = "some text to make deltas to\n"
	base := packed{kind: blobObject, data: text}
	for _, data := range []string{
		deltaOf(len(text), 1, copyOf(0, 1)), deltaOf(len(text), 5, "\x05abc"), deltaOf(len(text), 1<<30, copyOf(0, 9)), "", "\xff\xff\xff",
		deltaOf(len(text), 9, copyOf(3, 5), insertOf("more")),
	} {
		f.Add(craft(base, packed{kind: refDelta, head: raw(nameOf(blobObject, text)), data: data}))
		f.Add(craft(base, packed{kind: ofsDelta, head: distance(int64(len(base.bytes()))), data: data}))
		f.Add(craft(packed{kind: refDelta, head: raw(nameOf(blobObject, text)), data: data}, base))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum would keep the fuzzer out: a right one is tried, too.
		for _, pack := range [][]byte{data, sealed(data[:max(0, len(data)-20)])} {
			p, err := git.ReadPack(context.Background(), bytes.NewReader(pack), false, fuzzLimits)
			if err != nil {
				var e *git.Error
				if !errors.As(err, &e) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
					t.Errorf("not the host's fault: %T %v", err, err)
				}
				continue
			}
			verify(t, p, false)
			p.Close()
		}
	})
}

// naiveDelta applies a delta as gitformat-pack(5) tells it, one byte after the other.
func naiveDelta(base, delta []byte) (out []byte, ok bool) {
	defer func() {
		if recover() != nil {
			out, ok = nil, false
		}
	}()
	next := func() byte {
		b := delta[0]
		delta = delta[1:]
		return b
	}
	size := func() (n uint64) {
		for shift := 0; ; shift += 7 {
			b := next()
			if shift > 56 {
				panic("too long")
			}
			n |= uint64(b&0x7f) << shift
			if b < 0x80 {
				return n
			}
		}
	}
	if size() != uint64(len(base)) {
		return nil, false
	}
	want := size()
	for len(delta) > 0 {
		op := next()
		if op&0x80 == 0 {
			if op == 0 {
				return nil, false
			}
			for range op {
				out = append(out, next())
			}
			continue
		}
		var v [7]int
		for i := range v {
			if op&(1<<i) != 0 {
				v[i] = int(next())
			}
		}
		offset, n := v[0]+v[1]<<8+v[2]<<16+v[3]<<24, v[4]+v[5]<<8+v[6]<<16
		if n == 0 {
			n = 65536
		}
		if uint64(len(out)+n) > want {
			return nil, false
		}
		for i := range n {
			out = append(out, base[offset+i])
		}
	}
	return out, uint64(len(out)) == want
}

func FuzzApplyDelta(f *testing.F) {
	f.Add([]byte("0123456789"), []byte(deltaOf(10, 14, copyOf(2, 5), insertOf("abcd"), copyOf(0, 5))))
	f.Add([]byte("0123456789"), []byte(deltaOf(10, 3, "\x91\x05\x03")))
	f.Add([]byte("0123456789"), []byte(deltaOf(10, 65536, "\x80")))
	f.Add([]byte(""), []byte("\x00\x00"))
	f.Add([]byte("x"), []byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		if resultSize(delta) > 1<<20 {
			return // what readPack refuses before
		}
		got, err := git.ApplyDelta(base, delta)
		want, ok := naiveDelta(base, delta)
		if (err == nil) != ok || ok && !bytes.Equal(got, want) {
			t.Errorf("got %.50q, %v; want %.50q, %t", got, err, want, ok)
		}
	})
}

// resultSize is the second size of a delta.
func resultSize(delta []byte) (size uint64) {
	for range 2 {
		size = 0
		for shift := 0; len(delta) > 0; shift += 7 {
			b := delta[0]
			delta = delta[1:]
			size |= uint64(b&0x7f) << shift
			if b < 0x80 {
				break
			}
		}
	}
	return size
}

// answers are real ones, of a stock server in a version of the protocol: advertisements first.
func answers(f *testing.F, version int) (all [][]byte) {
	r := gittest.New(f, "write\ncommit one\ntag v1\ntag -a v2 -m two\n-- a --\none\n")
	want := "want " + r.Git("rev-parse", "HEAD")
	requests := []string{"", "0014command=ls-refs\n00010009peel\n000csymrefs\n0000",
		"0012command=fetch\n0001000eofs-delta\n000ddeepen 1\n" + pkt(want) + "0009done\n0000"}
	if version < 2 {
		requests = []string{"", pkt(want+" side-band-64k ofs-delta") + "000ddeepen 1\n" + "00000009done\n", pkt(want) + "00000009done\n"}
	}
	for _, request := range requests {
		cmd := exec.Command("git", "upload-pack", "--stateless-rpc", r.GitDir())
		if request == "" {
			cmd.Args = append(cmd.Args[:3], "--advertise-refs", r.GitDir())
		}
		cmd.Env = gittest.Environ(gittest.GitEnviron(f.TempDir())...)
		cmd.Env = append(cmd.Env, fmt.Sprintf("GIT_PROTOCOL=version=%d", version))
		cmd.Stdin = strings.NewReader(request)
		out, err := cmd.Output()
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, out)
	}
	return all
}

func FuzzPktLine(f *testing.F) {
	for _, answer := range answers(f, 2) {
		f.Add(answer)
	}
	for _, s := range []string{"0003", "ffff", "fff1", "fff0", "0004", "0005\x01", "zzzz", "00", "0000000100020003", pkt("ERR no"), "0009ERR \x02"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := git.ReadPackets(bytes.NewReader(data))
		if err == nil {
			t.Fatal("no end")
		}
		size := 0
		for _, line := range lines {
			if size += 4 + len(line); len(line) > 65516 {
				t.Errorf("a packet of %d bytes", len(line))
			}
		}
		if size > len(data) || err == io.EOF && size != len(data) {
			t.Errorf("%d bytes of %d: %v", size, len(data), err)
		}
		n, err := io.Copy(io.Discard, git.ReadBands(bytes.NewReader(data)))
		if n > int64(len(data)) {
			t.Errorf("%d bytes of %d: %v", n, len(data), err)
		}
	})
}

func FuzzAdvertisement(f *testing.F) {
	f.Add([]byte(advertisement))
	for version := range 3 {
		for _, answer := range answers(f, version) {
			f.Add(answer)
		}
	}
	zeros := strings.Repeat("0", 40)
	for _, s := range []string{
		"000eversion 2\n000cls-refs\n000afetch\n0000", "000eversion 1\n0000", "0000", "001e# service=git-upload-pack\n00000000",
		pkt(zeros+" HEAD\n\x00a=\x00b\n\n") + pkt(zeros+" refs/tags/a\n\n\n") + "0000",
		pkt(zeros+" capabilities^{}\x00side-band filter agent=git/2 symref=HEAD:refs/heads/main") + "0000",
		pkt(zeros+" HEAD\x00object-format=sha1 object-format=sha256") + pkt("shallow "+zeros) + "0000",
	} {
		f.Add([]byte(s))
	}
	h := nameOf(blobObject, "x")
	f.Fuzz(func(t *testing.T, data []byte) {
		ad, err := git.ReadAdvertisement(bytes.NewReader(data), 1000, "refs/tags/", "HEAD")
		var e *git.Error
		if err != nil {
			if !errors.As(err, &e) || e.Kind != git.Broken {
				t.Errorf("%T %v", err, err)
			}
			return
		}
		if _, err := git.ReadPackets(strings.NewReader(ad.Fetch(h))); err != io.EOF || !strings.Contains(ad.Fetch(h), h.String()) {
			t.Errorf("request %q: %v", ad.Fetch(h), err)
		}
		if ad.Version == 2 {
			if _, ok := ad.Caps["fetch"]; !ok || ad.Refs != nil {
				t.Errorf("%+v", ad)
			}
			return
		}
		if len(data) > 60000 {
			return // one line could become too long
		}
		again, err := git.ReadAdvertisement(strings.NewReader(rewritten(ad)), 1000, "")
		if err != nil || !slices.Equal(again.Refs, ad.Refs) || !maps.Equal(again.Caps, ad.Caps) {
			t.Errorf("%+v, %v\nwant %+v", again, err, ad)
		}
	})
}

// rewritten is an advertisement of version 0 with what was read of one.
func rewritten(ad git.Advertisement) string {
	caps := ""
	for name, value := range ad.Caps {
		caps += " " + name + "=" + value
	}
	for name, target := range ad.Targets {
		caps += " symref=" + name + ":" + target
	}
	s := pkt(strings.Repeat("0", 40) + " capabilities^{}\x00" + caps)
	for _, ref := range ad.Refs {
		s += pkt(ref.Hash.String() + " " + ref.Name + "\n")
		if !ref.Peeled.IsZero() {
			s += pkt(ref.Peeled.String() + " " + ref.Name + "^{}\n")
		}
	}
	return s + "0000"
}

// FuzzAnswer looks for the pack in an answer, which is the rest of it as it is, or in packets.
func FuzzAnswer(f *testing.F) {
	for version := range 3 {
		for _, answer := range answers(f, version) {
			f.Add(answer, version, true)
			f.Add(answer, version, false)
		}
	}
	zeros := strings.Repeat("0", 40)
	f.Add([]byte(pkt("shallow "+zeros)+pkt("unshallow "+zeros)+"0000"+pkt("NAK")+"PACK"), 0, false)
	f.Add([]byte(pkt("ERR upload-pack: not our ref "+zeros)), 0, true)
	f.Fuzz(func(t *testing.T, data []byte, version int, bands bool) {
		caps := "ofs-delta"
		if bands {
			caps += " side-band-64k"
		}
		text := pkt(strings.Repeat("0", 40)+" HEAD\x00"+caps) + "0000"
		if version == 2 {
			text = advertisement
		}
		ad, err := git.ReadAdvertisement(strings.NewReader(text), 10)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ad.ReadAnswer(bytes.NewReader(data))
		if err != nil {
			return
		}
		pack, err := io.ReadAll(r)
		if len(pack) > len(data) || version != 2 && !bands && (err != nil || !bytes.HasSuffix(data, pack) || !bytes.Contains(data[:len(data)-len(pack)], []byte("NAK"))) {
			t.Errorf("%q, %v", pack, err)
		}
	})
}

func FuzzParseRef(f *testing.F) {
	zeros := strings.Repeat("0", 40)
	for _, s := range []string{zeros + " HEAD symref-target:refs/heads/main", zeros + " refs/tags/v1 peeled:" + zeros, "unborn HEAD symref-target:x", "", " ", zeros, zeros + "  ", "x y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := git.ParseRef(text)
		var e *git.Error
		if err != nil && (!errors.As(err, &e) || e.Kind != git.Broken) {
			t.Fatalf("%T %v", err, err)
		}
		if err == nil && !strings.HasPrefix(text, "unborn ") && !strings.HasPrefix(text, ref.Hash.String()+" "+ref.Name) {
			t.Errorf("%+v", ref)
		}
	})
}

func FuzzParseTree(f *testing.F) {
	h := nameOf(blobObject, "x")
	f.Add([]byte(treeEntry("100644", "f", h) + treeEntry("40000", "dir", h) + treeEntry("160000", "s", h)))
	f.Add([]byte("100644 f\x00short"))
	f.Add([]byte("f\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := git.ParseTree(h, data, 100)
		if err != nil {
			return
		}
		size := 0
		for _, e := range entries {
			if e.Name == "" || strings.ContainsAny(e.Name, "/\x00") {
				t.Errorf("name %q", e.Name)
			}
			size += 1 + len(e.Name) + 1 + 20 // and the mode
		}
		if size > len(data) || len(entries) > 100 {
			t.Errorf("%d entries out of %d bytes", len(entries), len(data))
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	h := nameOf(treeObject, "")
	f.Add([]byte(commitOf(h)))
	f.Add(fmt.Appendf(nil, "tree %s\nparent %s\nparent %s\nauthor A <> 1 +0\ncommitter <<>> 2 -0\ngpgsig -----\n x\n\nm", h, h, h))
	f.Add([]byte("tree \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parents := 0
		c, err := git.ParseCommit(h, data, func(h git.Hash) {
			if parents++; !bytes.Contains(data, []byte("parent "+h.String())) {
				t.Errorf("parent %s", h)
			}
		})
		if err == nil && (parents > len(data)/len("parent ") || c.Tree.IsZero() || !c.Time.IsZero() && c.Time.Unix() < 0 || !bytes.Contains(data, []byte("tree "+c.Tree.String()))) {
			t.Errorf("%+v", c)
		}
	})
}
