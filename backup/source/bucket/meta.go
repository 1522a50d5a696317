package bucket

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"goodstate.dev/goodstate/backup/repository"
)

// Meta is what an object has beside its key and its bytes. A node keeps it as an extended attribute.
type Meta struct {
	ETag    string            `json:"etag"`
	Version string            `json:"version,omitempty"`
	At      time.Time         `json:"at"` // when it was made
	Class   string            `json:"class,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // content type and its like
	User    map[string]string `json:"user,omitempty"`    // metadata, without x-amz-meta-
	Tags    map[string]string `json:"tags,omitempty"`
}

// attribute is the extended attribute that has the Meta, as JSON.
const attribute = "user.goodstate.object"

// headers are those that belong to an object and can be given when it is put.
var headers = []string{"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control", "Expires", "X-Amz-Website-Redirect-Location"}

// metaOf reads the answer of a GET or HEAD. When it was made comes from the list, which is exact to less than a second.
func metaOf(info minio.ObjectInfo, h http.Header, listed minio.ObjectInfo) Meta {
	m := Meta{ETag: info.ETag, Version: listed.VersionID, At: listed.LastModified.UTC(), Class: listed.StorageClass, Headers: map[string]string{}, User: map[string]string{}}
	for _, name := range headers {
		v := h.Get(name)
		if name == "Content-Encoding" { // how it came is no part of it, and some servers keep it
			v = strings.Trim(strings.ReplaceAll(v, "aws-chunked", ""), ", ")
		}
		if v != "" {
			m.Headers[name] = v
		}
	}
	for k, v := range info.UserMetadata {
		m.User[strings.ToLower(k)] = v
	}
	return m
}

// equal says whether two objects have the same headers, metadata and tags.
func (m Meta) equal(o Meta) bool {
	return maps.Equal(m.Headers, o.Headers) && maps.Equal(m.User, o.User) && maps.Equal(m.Tags, o.Tags)
}

// put is how an object gets what it had. Its tags come afterwards: not every server takes them with it.
func (m Meta) put() minio.PutObjectOptions {
	o := minio.PutObjectOptions{
		ContentType: m.Headers["Content-Type"], ContentEncoding: m.Headers["Content-Encoding"], ContentDisposition: m.Headers["Content-Disposition"], ContentLanguage: m.Headers["Content-Language"],
		CacheControl: m.Headers["Cache-Control"], WebsiteRedirectLocation: m.Headers["X-Amz-Website-Redirect-Location"], UserMetadata: maps.Clone(m.User),
	}
	if at, err := http.ParseTime(m.Headers["Expires"]); err == nil {
		o.Expires = at
	}
	return o
}

// onNode keeps a Meta with a node.
func (m Meta) onNode(n *repository.Node) error {
	text, err := json.Marshal(m)
	n.Extended = []repository.Attribute{{Name: attribute, Value: text}}
	return err
}

// metaOn is the Meta that a node has.
func metaOn(n *repository.Node) (m Meta, err error) {
	for _, a := range n.Extended {
		if a.Name == attribute {
			if err := json.Unmarshal(a.Value, &m); err != nil {
				return m, fmt.Errorf("object %s: %w", n.Name, err)
			}
			return m, nil
		}
	}
	return m, fmt.Errorf("object %s has no attribute %s", n.Name, attribute)
}
