package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
)

// attach ends the header of a mail and writes its text and its files as parts. The boundary is the same at every attempt, as the rest of the message is.
func attach(b *bytes.Buffer, n Notice, text string) {
	parts := multipart.NewWriter(b)
	_ = parts.SetBoundary(fmt.Sprintf("goodstate-%x", sha256.Sum256([]byte(n.Key)))[:60]) // it has letters and digits only
	fmt.Fprintf(b, "Content-Type: multipart/mixed; boundary=%q\r\n\r\n", parts.Boundary())
	// Writing to memory does not fail.
	body, _ := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
	quote(body, text)
	for _, f := range n.Files {
		file, _ := parts.CreatePart(textproto.MIMEHeader{
			"Content-Type": {oneLine(f.Type)}, "Content-Transfer-Encoding": {"base64"}, "Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": f.Name})},
		})
		lines(file, f.Data)
	}
	_ = parts.Close()
}

func quote(w io.Writer, text string) {
	q := quotedprintable.NewWriter(w)
	_, _ = io.WriteString(q, text) // writes to memory
	_ = q.Close()
}

// lines writes base64 in lines of 76 letters, as RFC 2045 wants it.
func lines(w io.Writer, data []byte) {
	const bytesOfALine = 57
	for len(data) > 0 {
		n := min(bytesOfALine, len(data))
		_, _ = io.WriteString(w, base64.StdEncoding.EncodeToString(data[:n])+"\r\n") // writes to memory
		data = data[n:]
	}
}
