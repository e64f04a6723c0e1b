package source

import "strings"

const notice = `// Copyright The Authors.
// Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with it.
// Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on an
// "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.

`

// License is the text of a LICENSE file.
const License = `Copyright The Authors.

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted,
provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE.
`

var (
	words = strings.Fields(`
access account action active address agent alarm alert alias allocation amount annotation answer archive argument array asset
attachment attribute audit author backend backup balance bandwidth batch binding block body bucket buffer build builder bundle
byte cache call capacity catalog category certificate chain change channel charge check child chunk circuit claim class client
clock cluster code collection column command comment commit compute condition config connection consumer container content
context control cookie copy cost count counter cursor cycle data database date deadline decision default definition delay
delivery deployment depth description destination detail device dialog digest direction directory disk dispatch document domain
draft driver duration edge element encoder endpoint engine entity entry environment error event exception exchange execution
export expression factor failure feature feed field file filter flag flow folder format fragment frame function gateway graph
group guard handle handler hash head health hint history hook host identity image import index info input instance interval
invoice item iterator job journal key kind label lambda latency layer layout lease level library license limit line link list
listener load location lock log logger loop machine manager manifest map mapping margin mask match matrix media member memory
merge message method metric migration mode model module monitor mount name namespace network node notice number object offset
operation operator option order origin output owner package page pair panel parameter parent parser part partition party patch
path pattern payload peer period permission phase pipeline plan platform point policy pool port position prefix price print
priority probe process producer product profile program project property protocol provider proxy purpose query queue quota range
rate reader reason receipt record recovery reference region registry relation release replica report request reservation resource
response result retention retry return review role root route router row rule runtime sample scale schedule schema scope score
script search secret section segment sender sequence series server service session setting shape share shard signal signature
site size slice slot snapshot socket source space span spec stack stage state status step storage stream string structure subnet
subscription subject summary supply surface switch symbol sync system table tag target task team template tenant term thread
threshold throttle ticket tier time timeout token topic total trace track traffic transaction transfer transform tree trigger
tunnel type unit update upload usage user value vault vector vendor version view volume wait watch weight window worker writer
zone`)
	small   = strings.Fields("a the of in to for is that and with by on as from or if not when are this which be must can has its an at into only")
	types   = strings.Fields("string string string int bool *string *int64 time.Duration []string map[string]string []byte error any *time.Time float64 io.Reader")
	imports = strings.Fields(`bytes context encoding/json errors fmt io io/fs log/slog maps math net net/http net/url os path
path/filepath regexp slices sort strconv strings sync sync/atomic testing time golang.org/x/mod/module golang.org/x/mod/semver
github.com/google/go-cmp/cmp github.com/acme/core/internal/client github.com/acme/core/internal/retry github.com/acme/core/log`)
)

var statements = []string{
	"\tif err != nil {\n\t\treturn nil, err\n\t}\n",
	"\tif err != nil {\n\t\treturn nil, fmt.Errorf(\"$w $w: %w\", err)\n\t}\n",
	"\t$n, err := c.$N(ctx, $n)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n",
	"\tif $n == nil {\n\t\treturn nil, errors.New(\"parameter $n cannot be empty\")\n\t}\n",
	"\tfor _, $n := range $n {\n\t\tif $n.$N == \"\" {\n\t\t\tcontinue\n\t\t}\n\t\tout = append(out, $n.$N)\n\t}\n",
	"\tfor i := range $n {\n\t\t$n[i] = $n(i, $d)\n\t}\n",
	"\tc.mu.Lock()\n\tdefer c.mu.Unlock()\n",
	"\t// $s\n",
	"\t// $s\n\t$n := $n.$N($n)\n",
	"\tswitch $n.$N {\n\tcase \"$w\", \"$w\":\n\t\treturn c.$N(ctx, $n)\n\tcase \"$w\":\n\t\t$n.$N = true\n\tdefault:\n\t\treturn nil, fmt.Errorf(\"unknown $w %q\", $n)\n\t}\n",
	"\t$n := make(map[string]*$N, len($n))\n",
	"\treq, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+\"/$w/$w/\"+url.PathEscape($n), nil)\n",
	"\treq.Header.Set(\"X-$N\", strconv.Itoa($d))\n",
	"\tif $n.$N > $d || $n.$N != nil {\n\t\tc.log.Warn(\"$w $w $w\", \"$n\", $n)\n\t}\n",
	"\tdefer func() {\n\t\tif cerr := $n.Close(); err == nil {\n\t\t\terr = cerr\n\t\t}\n\t}()\n",
	"\tout.$N = to.Ptr($n.$N)\n",
	"\tout.$N = append(out.$N, &$N{$N: $n, $N: $d})\n",
	"\tif got, want := $n.$N(), $d; got != want {\n\t\tt.Errorf(\"$N() = %v, want %v\", got, want)\n\t}\n",
	"\tselect {\n\tcase <-ctx.Done():\n\t\treturn nil, ctx.Err()\n\tcase $n := <-c.$n:\n\t\t$n.$N($n)\n\t}\n",
	"\t$n = strings.TrimSuffix($n, \"$w-$w\")\n",
	"\tgo c.$N($n, $n)\n",
	"\t_ = $n\n",
	"\tif !$n.$N($n) {\n\t\treturn out, nil\n\t}\n",
	"\t$n.$N, $n.$N = $n.$N, $d\n",
}
