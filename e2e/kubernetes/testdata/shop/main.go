// Command shop is the service that is released into test clusters. What it is comes from its image and from its ConfigMap.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var image = "unknown" // set when it is built

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config, _ := os.ReadFile("/config/release") // without one it is plainly good
	how := strings.TrimSpace(string(config))
	fmt.Println("shop", image, how, "begins")
	switch how {
	case "crash":
		fmt.Println("FATAL no price list")
		os.Exit(3)
	case "eat":
		eaten := make([]byte, 200<<20)
		for i := 0; i < len(eaten); i += 4096 {
			eaten[i] = 1
		}
		fmt.Println(len(eaten))
	}
	var visits atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, strings.Join(os.Environ(), "\n")) })
	mux.HandleFunc("/file/", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(os.Getenv("FILES") + strings.TrimPrefix(r.URL.Path, "/file"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(text)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Version", image+" "+how)
		if how == "bad" && visits.Add(1)%2 == 0 {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, image, how)
	})
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		fmt.Println(err)
		os.Exit(1)
	case <-ctx.Done():
	}
	fmt.Println("shop", image, "ends")
	limited, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(limited); err != nil && !errors.Is(err, http.ErrServerClosed) {
		fmt.Println(err)
	}
}
