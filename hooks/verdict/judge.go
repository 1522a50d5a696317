package verdict

import "strconv"

// Judge stands for one rule with its options, in this build of goodstate.
type Judge struct {
	id string // empty: its verdicts are not kept
}

// JudgeOf is the judge that a rule is. Stamp tells what else it judges by, such as a table in another file.
func JudgeOf(name string, options []byte, stamp string) Judge {
	k := Of("rule", Program(), name, string(options), stamp)
	return Judge{string(k[:])}
}

// Keeps is true for a judge whose verdicts can be kept.
func (j Judge) Keeps() bool { return j.id != "" }

// On is the key of a judge and a file: its path, modes and the object that is its content.
func (j Judge) On(path string, mode, old uint32, object string) Key {
	return Of(j.id, path, strconv.FormatUint(uint64(mode), 8), strconv.FormatUint(uint64(old), 8), object)
}
