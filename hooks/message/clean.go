package message

import "strings"

// scissors is the line below which Git throws everything away (git-commit(1), --cleanup=scissors), after the comment character and a blank.
const scissors = "------------------------ >8 ------------------------"

// Clean takes away what Git does before it commits: all below the scissors, comment lines, blanks at the ends of lines, and empty lines at the
// start, at the end and more than one in a row. An empty comment leaves comment lines in, which is right for the message of a commit that exists.
// Lines keep the numbers that they have in the given text.
func Clean(message, comment string) []Line {
	if comment == "auto" {
		comment = commentOf(message)
	}
	var kept []Line
	empty := 0
	for number, line := range strings.Split(message, "\n") {
		if comment != "" && strings.HasPrefix(line, comment) {
			if strings.TrimSpace(line) == comment+" "+scissors {
				break
			}
			continue
		}
		line = strings.TrimRight(line, " \t\r\v\f")
		if line == "" {
			empty++
			continue
		}
		if empty > 0 && len(kept) > 0 {
			kept = append(kept, Line{Number: number}) // the empty line just above
		}
		empty = 0
		kept = append(kept, Line{number + 1, line})
	}
	return kept
}

// commentCharacters are those that Git chooses from under core.commentChar=auto.
const commentCharacters = "#;@!$%^&|:"

// commentOf guesses the character that Git chose under core.commentChar=auto: the one that its own lines at the end start with.
func commentOf(message string) string {
	lines := strings.Split(strings.TrimRight(message, "\n"), "\n")
	last := lines[len(lines)-1]
	if last != "" && strings.IndexByte(commentCharacters, last[0]) >= 0 {
		return last[:1]
	}
	return "#"
}

// ours are the headers that Git and forges write themselves, and those that mark a commit to be squashed away.
const ours = `^(?:Merge (?:branch(?:es)?|tag|tags|commit|commits|remote-tracking branch(?:es)?|pull request|PR|.+ into|.+ from)\b|Merged (?:PR|in|.+ into)\b|` +
	`Revert "|Reapply "|Automatic merge|Auto-merged .+ into |Initial commit$)`

// releases are first lines that npm version and its like write: a version of https://semver.org, perhaps as chore(scope): 1.2.3.
const releases = `^(?:chore\([^)]+\): ?)?v?(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$`

// Kind tells what wrote a message.
type Kind int

// The kinds of messages.
const (
	Written Kind = iota // by a person
	Merge               // by git merge or a forge's button, or a release tool: nothing but a version
	Revert              // by git revert
	Squash              // fixup!, squash! and amend!, for git rebase --autosquash
)

// KindOf looks at the first line only.
func (m *Message) KindOf() Kind {
	h := m.Header.Text
	switch {
	case strings.HasPrefix(h, "fixup! "), strings.HasPrefix(h, "squash! "), strings.HasPrefix(h, "amend! "):
		return Squash
	case strings.HasPrefix(h, `Revert "`), strings.HasPrefix(h, `Reapply "`):
		return Revert
	case generated().MatchString(h), version().MatchString(strings.TrimSpace(h)):
		return Merge
	}
	return Written
}
