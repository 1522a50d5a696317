package rule

import "bytes"

func init() {
	Register(Kind{
		Name:    "byte-order-mark",
		Aliases: []string{"fix-byte-order-marker", "check-byte-order-marker"},
		Help:    "a UTF-8 file does not begin with a byte order mark",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &byteOrderMark{}
			return r, decode(r)
		},
	})
}

type byteOrderMark struct{}

var mark = []byte{0xEF, 0xBB, 0xBF}

func (*byteOrderMark) Wants(f *File) bool { return f.HasText() && f.Size >= int64(len(mark)) }

func (*byteOrderMark) Check(f *File) ([]Finding, error) {
	return Text("byte-order-mark", f, func(text []byte) []Finding {
		if !bytes.HasPrefix(text, mark) {
			return nil
		}
		return []Finding{{Line: 1, Column: 1, Message: "the file begins with a UTF-8 byte order mark, which many readers take for text"}}
	})
}

// Fix takes away every mark at the beginning: tools that add one do not look whether there is one.
func (*byteOrderMark) Fix(f *File) ([]byte, bool, error) {
	return fixText("byte-order-mark", f, func(text []byte) []byte {
		for bytes.HasPrefix(text, mark) {
			text = text[len(mark):]
		}
		return text
	})
}
