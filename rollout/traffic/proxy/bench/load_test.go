package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// upstream is the instance behind all proxies.
func upstream(b *testing.B) string {
	b.Helper()
	body := []byte(strings.Repeat("0123456789abcdef", 64))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
		h["Cache-Control"] = []string{"no-store"}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		_, _ = w.Write(body) // a proxy that went away is seen by the load
	})}
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(l) }) // ends by Close below
	b.Cleanup(func() {
		if err := srv.Close(); err != nil {
			b.Error(err)
		}
		served.Wait()
	})
	return l.Addr().String()
}

// run sends requests over so many connections, each with at most one under way, at full speed or with a pause between the
// beginnings of two requests. It returns the times from the first byte sent to the last received, sorted. Any answer but 200 ends
// the benchmark.
func run(b *testing.B, addr string, conns, requests int, pause time.Duration) []time.Duration {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(requests))
	times := make([][]time.Duration, conns)
	errs := make(chan error, conns)
	for i := range conns {
		go func() {
			errs <- func() error {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return err
				}
				defer func() { _ = c.Close() }() // everything was read
				in := bufio.NewReaderSize(c, 8<<10)
				ask := []byte("GET /shop/item?id=" + strconv.Itoa(i) + " HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\n" +
					"Accept: text/html,application/json\r\nAccept-Encoding: gzip\r\nAccept-Language: de,en\r\nCookie: session=0123456789abcdef\r\n\r\n")
				var tick <-chan time.Time
				if pause > 0 {
					t := time.NewTicker(pause)
					defer t.Stop()
					tick = t.C
				}
				for left.Add(-1) >= 0 {
					if tick != nil {
						<-tick
					}
					began := time.Now()
					if _, err := c.Write(ask); err != nil {
						return err
					}
					if err := skipAnswer(in); err != nil {
						return err
					}
					times[i] = append(times[i], time.Since(began))
				}
				return nil
			}()
		}()
	}
	for range conns {
		if err := <-errs; err != nil {
			b.Fatalf("load on %s: %v", addr, err)
		}
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	return all
}

// skipAnswer reads one answer with a Content-Length, cheaply, so that the load does not take the processors from what it measures.
func skipAnswer(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case first:
			if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("answered %q", line)
			}
		case len(line) == 2:
			if length < 0 {
				return fmt.Errorf("an answer without Content-Length")
			}
			_, err := in.Discard(length)
			return err
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return err
			}
		}
	}
}
