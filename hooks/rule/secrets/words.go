package secrets

import "slices"

// words finds which of many keywords a text has, in one pass over its bytes and without regard to the case of ASCII letters: the automaton of
// Aho and Corasick (Efficient string matching, CACM 18, 1975), with its failure links folded into one table.
type words struct {
	class   [256]uint8 // letters that occur in no keyword share class 0
	classes int
	next    []int32   // state*classes + class
	ends    [][]int32 // keywords that end in a state
	table   []uint32  // next, with what the loop over a text needs: where the row of the next state starts, times two, and one more when a keyword ends there
	count   int
}

func newWords(all []string) *words {
	w := &words{classes: 1, count: len(all), ends: [][]int32{nil}}
	for _, word := range all {
		for i := range len(word) {
			if c := lower(word[i]); w.class[c] == 0 {
				w.class[c] = uint8(w.classes)
				w.classes++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		w.class[c] = w.class[lower(c)]
	}
	letters := 0
	for _, word := range all {
		letters += len(word)
	}
	w.next = make([]int32, w.classes, w.classes*(letters+1))
	for number, word := range all {
		state := int32(0)
		for i := range len(word) {
			at := int(state)*w.classes + int(w.class[word[i]])
			if w.next[at] == 0 {
				w.next[at] = int32(len(w.ends))
				w.ends = append(w.ends, nil)
				w.next = append(w.next, make([]int32, w.classes)...)
			}
			state = w.next[at]
		}
		w.ends[state] = append(w.ends[state], int32(number))
	}
	w.link()
	return w
}

// link gives every state all its followers, state by state in the order of their depth.
func (w *words) link() {
	fail := make([]int32, len(w.ends))
	queue := make([]int32, 0, len(w.ends))
	for _, s := range w.next[:w.classes] {
		if s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		w.ends[state] = slices.Concat(w.ends[state], w.ends[fail[state]])
		for c := range w.classes {
			at := int(state)*w.classes + c
			beside := w.next[int(fail[state])*w.classes+c]
			if w.next[at] == 0 {
				w.next[at] = beside
				continue
			}
			fail[w.next[at]] = beside
			queue = append(queue, w.next[at])
		}
	}
	w.table = make([]uint32, len(w.next))
	for at, state := range w.next {
		w.table[at] = uint32(state) * uint32(w.classes) << 1 //nolint:gosec // as many states as the keywords have letters
		if len(w.ends[state]) > 0 {
			w.table[at] |= 1
		}
	}
}

// in tells for every keyword whether the text has it; nil when it has none.
func (w *words) in(text string) []bool {
	var seen []bool
	row := uint32(0)
	for i := range len(text) {
		next := w.table[row+uint32(w.class[text[i]])]
		row = next >> 1
		if next&1 == 0 {
			continue
		}
		if seen == nil {
			seen = make([]bool, w.count)
		}
		for _, number := range w.ends[int(row)/w.classes] {
			seen[number] = true
		}
	}
	return seen
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
