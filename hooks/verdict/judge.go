package verdict

import (
	"crypto/sha256"
	"encoding/binary"
)

// Judge stands for one rule with its options, in this build of goodstate.
type Judge struct {
	id    Key
	keeps bool
}

// JudgeOf is the judge that a rule is. Stamp tells what else it judges by, such as a table in another file.
func JudgeOf(name string, options []byte, stamp string) Judge {
	return Judge{Of("rule", Program(), name, string(options), stamp), true}
}

// Keeps is true for a judge whose verdicts can be kept.
func (j Judge) Keeps() bool { return j.keeps }

// String is the judge as bytes, to make one of several.
func (j Judge) String() string { return string(j.id[:]) }

// Thing stands for what is judged.
type Thing [sha256.Size]byte

// FileOf is a file of a change: its path, its modes after and before, and the object that is its content.
func FileOf(path string, mode, old uint32, object string) Thing {
	buf := make([]byte, 0, 256)
	buf = binary.BigEndian.AppendUint32(buf, mode)
	buf = binary.BigEndian.AppendUint32(buf, old)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(object))) //nolint:gosec // the name of an object has 64 letters at most
	buf = append(append(buf, object...), path...)
	return sha256.Sum256(buf)
}

// Short is enough to tell things apart within one run.
func (t Thing) Short() Key { return Key(t[:keySize]) }

// On is the key of a judge and a thing.
func (j Judge) On(t Thing) Key {
	var buf [keySize + sha256.Size]byte
	copy(buf[:], j.id[:])
	copy(buf[keySize:], t[:])
	sum := sha256.Sum256(buf[:])
	return Key(sum[:keySize])
}
