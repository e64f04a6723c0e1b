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
//	repeat N PATH TEXT   write the text N times; with a % in PATH, to as many files, % being 0, 1, ... in both
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
// In every word {hash:REV} stands for a revision's hash, {hash12:REV} for its first twelve digits, and {time:REV} for
// the time of its commit as a pseudo-version has it; see [Repo.Expand].
//
// # Objects that git doesn't make
//
// More commands make an object by hand, which is made/NAME from then on, to be tagged, put into a tree, and so on. Git's
// own rules don't hold for it:
//
//	blob NAME TEXT                 a blob
//	tree NAME [MODE ENTRY REV]...  a tree of these entries in this order, their names being any bytes; of dir/a and
//	                               dir/b next to each other, dir becomes a tree, too
//	commit-tree NAME TREE [REV]... a commit of a tree, with these parents
//	object NAME TYPE TEXT          an object of just these bytes
//
// For example, a commit that no work tree gives:
//
//	blob text "text\n"
//	tree odd 100644 "latin\xe9" made/text 100755 sub/.git made/text 160000 gone {hash:HEAD}
//	commit-tree odd made/odd HEAD
//	tag v1.0.0 made/odd
//
// # What is fixed
//
// Author, committer and dates are fixed, so that one script has one set of hashes everywhere. The clock begins at
// [Epoch] and goes on by a minute with each commit, whoever made it: commit, or git merge and its like.
//
// Blobs hold the bytes that were written. No attribute changes them on their way in or out, as .git/info/attributes
// overrules any .gitattributes; other clones know nothing of it. The material of one script is not seen by the next.
package gittest
