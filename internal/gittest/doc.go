// Package gittest makes real git repositories from text, serves them with git's own server, and spoils the answers.
//
// # Scripts
//
// A script is a txtar archive. Its comment holds commands, one a line; its files are the material:
//
//	at 2024-05-01T10:00:00Z
//	write one
//	commit 'first words'
//	tag v1.0.0
//	print sub/dos.txt "a\r\nb\r\n"
//	commit second
//	tag -a v1.1.0 -m 'second release'
//	-- one/go.mod --
//	module example.com/m
//	-- one/m.go --
//	package m
//
// Blank lines and lines that begin with # are passed over. Words may be quoted: '...' is taken as it stands, "..." as
// a Go string. A script without commands, but with files, writes all of them and commits. The commands:
//
//	at TIME              dates in RFC 3339, with their zone, for what follows
//	write [PREFIX [DIR]] copy the files below PREFIX/ (all of them, if empty) to the work tree, or below its DIR
//	print PATH TEXT      write just these bytes, for what Go's raw strings can't hold
//	rm PATH...           remove files or directories
//	symlink TARGET PATH  make a symbolic link
//	chmod MODE PATH      set the mode, in octal
//	gitlink HASH PATH    enter a submodule at a commit, without .gitmodules
//	commit MESSAGE       add everything, ignored files too, and commit, even if nothing changed
//	tag ARGS...          git tag: "tag v1.0.0" is lightweight, "tag -a v1.0.0 -m text" is not
//	branch ARGS...       git branch
//	git ARGS...          any git command
//	init ARGS...         begin again as git init with ARGS does, for another branch or hash
//
// # What is fixed
//
// Author, committer and dates are fixed, so that one script has one set of hashes everywhere. The clock begins at
// [Epoch] and goes on by a minute with each commit, whoever made it: commit, or git merge and its like.
//
// Blobs hold the bytes that were written. No attribute changes them on their way in or out, as .git/info/attributes
// overrules any .gitattributes; other clones know nothing of it. The material of one script is not seen by the next.
package gittest
