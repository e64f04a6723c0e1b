package main

import (
	"time"

	"example.com/vanity/internal/bench/shape"
)

// comparisons are all that there are, in the order of the table. The shapes are small, medium, monosub, monosub2, giant and
// huge, of whatever size.
func (b *bench) comparisons(shapes []shape.Shape) []comparison {
	var all []comparison
	small, monosub, monosub2 := shapes[0], shapes[2], shapes[3]
	for _, rule := range []string{"forge", "all"} {
		for _, s := range shapes {
			all = append(all, b.cold(cold{shape: s, version: asked(s, small), rule: rule}))
		}
		for _, s := range []shape.Shape{small, monosub2} {
			all = append(all, b.cold(cold{shape: s, version: asked(s, small), rule: rule, latency: 40 * time.Millisecond}))
		}
		all = append(all, b.cold(cold{shape: small, version: small.Last(), highest: true, rule: rule}))
		for _, s := range shapes[:5] {
			all = append(all, b.cold(cold{shape: s, version: s.Last(), rule: rule, list: true}))
		}
		for _, s := range shapes[:5] {
			// The go command has fetched the highest version already when it is asked for another one first.
			all = append(all, b.cold(cold{shape: s, version: s.Previous(), known: s.Last(), rule: rule}))
		}
		all = append(all, b.crowd(monosub2, rule), b.crowd(monosub, rule))
	}
	return append(all,
		b.hot(small, "info", 1.6), b.hot(small, "mod", 1.6), b.hot(small, "list", 1.6),
		b.hot(monosub2, "zip", 1), b.hot(monosub, "zip", 1),
		b.pages(1000), b.pages(100_000))
}

// asked is the version that is asked for from nothing: the highest, but of the small module one that somebody has stayed with,
// for which the go command fetches the highest as well.
func asked(s, small shape.Shape) string {
	if s.Name == small.Name {
		return s.Previous()
	}
	return s.Last()
}
