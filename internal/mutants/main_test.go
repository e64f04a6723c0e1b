package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func TestFind(t *testing.T) {
	const head = "package p\n\n"
	for _, tt := range []struct {
		name, src string
		want      []string
	}{
		{"negate", "func f(ok bool) int { // not this\n\tif ok { /* nor this */\n\t}\n\tfor ok {}\n}", []string{
			"f negate: if ok { => if !(ok) {",
		}},
		{"compare, but an equality once", "func f(a, b int) bool {\n\tif a == b {}\n\treturn a < b\n}", []string{
			"f compare: if a == b {} => if a != b {}",
			"f zero: return a < b => return *new(bool)",
			"f compare: return a < b => return a <= b",
		}},
		{"logic and arithmetic", "func (t *T) M(a, b bool, n int) {\n\tx := a && b || a\n\ty := n<<n + n\n\tn--\n}", []string{
			"T.M logic: x := a && b || a => x := a || b || a",
			"T.M logic: x := a && b || a => x := a && b && a",
			"T.M arithmetic: y := n<<n + n => y := n>>n + n",
			"T.M arithmetic: y := n<<n + n => y := n<<n - n",
			"T.M drop: n-- => nothing",
			"T.M arithmetic: n-- => n++",
		}},
		{"constants", "const limit, on = 1 << 20, true\n\ntype a [4]int", []string{
			"limit constant: const limit, on = 1 << 20, true => const limit, on = (1 + 1) << 20, true",
			"limit constant: const limit, on = 1 << 20, true => const limit, on = (1 - 1) << 20, true",
			"limit arithmetic: const limit, on = 1 << 20, true => const limit, on = 1 >> 20, true",
			"limit constant: const limit, on = 1 << 20, true => const limit, on = 1 << (20 + 1), true",
			"limit constant: const limit, on = 1 << 20, true => const limit, on = 1 << (20 - 1), true",
			"limit constant: const limit, on = 1 << 20, true => const limit, on = 1 << 20, false",
			"a constant: type a [4]int => type a [(4 + 1)]int",
			"a constant: type a [4]int => type a [(4 - 1)]int",
		}},
		{"drop", "func f(c chan int) {\n\tx := g()\n\tx = 7\n\t_ = x\n\tdefer g()\n\tc <- x\n\tg(\n\t\tx)\n}", []string{
			"f drop: x = 7 => nothing",
			"f constant: x = 7 => x = (7 + 1)",
			"f constant: x = 7 => x = (7 - 1)",
			"f drop: defer g() => nothing",
			"f drop: c <- x => nothing",
			"f drop: g( x) => nothing",
		}},
		{"zero", "func f() (a, b int, err error) {\n\treturn x, 0, nil\n\treturn g()\n\treturn\n}\n\nvar v = func() T { return T{} }", []string{
			"f zero: return x, 0, nil => return *new(int), 0, nil",
			"f constant: return x, 0, nil => return x, (0 + 1), nil",
			"f constant: return x, 0, nil => return x, (0 - 1), nil",
			"f zero: return g() => return *new(int), *new(int), *new(error)",
		}},
		{"empty and branch", "func f() {\n\tfor {\n\t\tselect {\n\t\tcase <-c:\n\t\t\tbreak\n\t\tdefault:\n\t\t}\n\t\tcontinue\n\t\tcontinue\n\t}\n}", []string{
			"f empty: break => nothing",
			"f branch: break => continue",
			"f branch: continue => break",
			"f branch: continue => break (2)",
		}},
	} {
		mutants, err := findIn("p.go", []byte(head+tt.src))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []string
		for _, m := range mutants {
			got = append(got, strings.TrimPrefix(m.name(), "p.go "))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if mutants, err := findIn("p.go", []byte("package")); err == nil {
		t.Errorf("of no Go file: %v", mutants)
	}
}

// miniModule has a function whose tests are its own, one whose tests are the root's, and one that nobody calls.
var miniModule = map[string]string{
	"go.mod":     "module mini.test\n\ngo 1.26\n",
	"mini.go":    "package mini\n\nimport \"mini.test/sub\"\n\nfunc Half(n int) int { return sub.Half(n) }\n",
	"sub/sub.go": "package sub\n\nfunc Less(a, b int) bool { return a < b }\n\nfunc Half(n int) int { return n / 2 }\n\nfunc Free(a, b int) bool { return a >= b }\n\nfunc Endless(n int) {\n\tfor n > 0 {\n\t\tn--\n\t}\n}\n\nfunc Odd(a, b string) string { return a + b }\n\nconst Size = 4\n",
	"sub/sub_test.go": "package sub\n\nimport \"testing\"\n\nvar _ [4]int = [Size]int{}\n\n" +
		"func TestLess(t *testing.T) {\n\tif Less(1, 1) || !Less(1, 2) {\n\t\tt.Fail()\n\t}\n\tEndless(3)\n}\n",
	"mini_test.go": "package mini\n\nimport \"testing\"\n\nfunc TestHalf(t *testing.T) {\n\tif Half(4) != 2 {\n\t\tt.Fail()\n\t}\n}\n",
}

func writeModule(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		write(t, dir, name, text)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func mutants(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out)
	t.Logf("mutants %q: %v\n%s", args, err, out.Bytes())
	return out.String(), err
}

// TestRun has the real tests of a module kill what they can.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs tests")
	}
	dir := writeModule(t, miniModule)
	const free = "sub/sub.go Free compare: func Free(a, b int) bool { return a >= b } => func Free(a, b int) bool { return a > b }"
	const less = "sub/sub.go Less compare: func Less(a, b int) bool { return a < b } => func Less(a, b int) bool { return a <= b }"
	const half = "sub/sub.go Half constant: func Half(n int) int { return n / 2 } => func Half(n int) int { return n / (2 - 1) }"
	out, err := mutants(t, "-C", dir, "-slack", "1s", "-only", "(Less|Free) compare|Half constant|Endless drop|Odd arith|Size constant", "./sub")
	for _, want := range []string{
		less + "\n\tline 3: killed by its package's tests\n",
		half + "\n\tline 5: killed by the root's, -short\n",
		free + "\n\tline 7: SURVIVES\n",
		"sub/sub.go Endless drop: n-- => nothing\n\tline 11: killed by its package's tests\n",
		"./sub: 5 mutants, 1 survived\n", // with Odd and Size others, something does not compile
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	if err == nil || err.Error() != "1 mutants did not end as internal/mutants/survivors.txt has it" {
		t.Errorf("one survives: %v", err)
	}
	for _, tt := range []struct {
		list, only, want string
		right            bool
	}{
		{free + "\n\tNobody calls it,\n\tand that is so.\n", "Free compare", "\tline 7: survives, as is known: Nobody calls it, and that is so.\n", true},
		{less + "\n\tA lie.\n", "Less compare", "killed by its package's tests, but internal/mutants/survivors.txt says that it survives\n", false},
		{less + "\n\tTestLess.\n", "Less compare", "killed by its package's tests\n", true},
		{free + "\n\tTestFree.\n", "Free compare", "\tline 7: SURVIVES\n", false},
	} {
		write(t, dir, list, "# All that is known.\n"+tt.list)
		out, err := mutants(t, "-C", dir, "-full", "-only", tt.only, "./sub")
		if !strings.Contains(out, tt.want) || (err == nil) != tt.right {
			t.Errorf("want %q, got %v\n%s", tt.want, err, out)
		}
	}
	write(t, dir, "sub/sub_test.go", "package sub\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Fatal(\"as it stands\") }\n")
	if _, err := mutants(t, "-C", dir, "./sub"); err == nil || !strings.Contains(err.Error(), "without a mutant: go test") || !strings.Contains(err.Error(), "as it stands") {
		t.Errorf("tests that fail anyway: %v", err)
	}
}

// TestDraw has a seed draw the same mutants each time, and soon some of each operator.
func TestDraw(t *testing.T) {
	var drawn []string
	for _, seed := range []string{"1", "1", "2"} {
		out, err := mutants(t, "-list", "-seed", seed, "./internal/modproxy")
		if err != nil {
			t.Fatal(err)
		}
		drawn = append(drawn, out)
	}
	if drawn[0] != drawn[1] || drawn[0] == drawn[2] {
		t.Errorf("the same seed draws the same: %t, another one: %t", drawn[0] == drawn[1], drawn[0] == drawn[2])
	}
	if diff := cmp.Diff(slices.Sorted(strings.Lines(drawn[0])), slices.Sorted(strings.Lines(drawn[2]))); diff != "" {
		t.Errorf("two seeds draw of other mutants (-1 +2):\n%s", diff)
	}
	first := slices.Collect(strings.Lines(drawn[0]))[:40]
	for _, op := range operators {
		in := func(name string) bool { return strings.Contains(name, " "+op.name+": ") }
		if slices.ContainsFunc(first, in) != in(drawn[0]) {
			t.Errorf("%s is not among the first", op.name)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"name packages":                    nil,
		"flag provided but not defined":    {"-nope"},
		"missing closing ]":                {"-only", "[", "./internal/modproxy"},
		"go list":                          {"./nowhere"},
		"chdir":                            {"-C", filepath.Join(t.TempDir(), "nowhere"), "."},
		"a remark without a mutant: first": {"-C", writeModule(t, map[string]string{"go.mod": "module m\n", list: "\tfirst\n"}), "."},
		"twice: a":                         {"-C", writeModule(t, map[string]string{"go.mod": "module m\n", list: "a\n\tfirst\na\n"}), "."},
		"no remark: a":                     {"-C", writeModule(t, map[string]string{"go.mod": "module m\n", list: "a\nb\n\tfirst\n"}), "."},
	} {
		if _, err := mutants(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}

// TestSurvivors keeps the list to what can still be made of the code, and to tests that there are.
func TestSurvivors(t *testing.T) {
	m, err := open(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	known, err := m.survivors()
	if err != nil || len(known) == 0 {
		t.Fatalf("%d survivors, %v", len(known), err)
	}
	for name, remark := range known {
		file, _, _ := strings.Cut(name, " ")
		if strings.HasPrefix(remark, "Test") && !hasTest(t, filepath.Join(m.Dir, filepath.FromSlash(path.Dir(file))), remark) && !hasTest(t, m.Dir, remark) {
			t.Errorf("%s: there is no %s for %s", list, remark, name)
		}
		mutants, err := m.find(t.Context(), "./"+path.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(mutants, func(mut mutant) bool { return mut.name() == name }) {
			t.Errorf("%s: nothing in the code makes %s", list, name)
		}
	}
}

// hasTest reports whether a package in a directory has a test.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)")
	})
}
