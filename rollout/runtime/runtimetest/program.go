package runtimetest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// behaviour names the variable that makes a test binary the program of an instance, and says how it behaves.
const behaviour = "RUNTIMETEST_PROGRAM"

// Main makes this process the program of an instance when the suite asked for that, and then does not return. Call it
// first in TestMain, and give the test binary to Run as the program.
func Main() {
	switch how, argument, _ := strings.Cut(os.Getenv(behaviour), " "); how {
	case "":
		return
	case "serve":
		fmt.Println("serving")
		serve()
	case "exit":
		code, err := strconv.Atoi(argument)
		if err != nil {
			fail(err)
		}
		fmt.Fprintln(os.Stderr, "cannot go on")
		os.Exit(code)
	case "stubborn": // does not care about polite signals
		signal.Ignore(syscall.SIGTERM)
		serve()
	case "flood":
		flood(argument)
	case "eat":
		eat(argument)
	case "child": // leaves a child in a session of its own
		child := exec.Command(os.Args[0], os.Args[1:]...)
		child.Env = append(os.Environ(), behaviour+"=stubborn", "PORT=0")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			fail(err)
		}
		fmt.Println("child", child.Process.Pid)
		serve()
	default:
		fail(fmt.Errorf("%s=%s is not known", behaviour, how))
	}
	os.Exit(0)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(99)
}

// serve answers on $HOST and $PORT: /env tells the environment, /pid the process, /args the arguments.
func serve() {
	l, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		fail(err)
	}
	mux := http.NewServeMux()
	for path, text := range map[string]string{
		"/env": strings.Join(os.Environ(), "\n"), "/pid": strconv.Itoa(os.Getpid()), "/args": strings.Join(os.Args[1:], "\n"),
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, text) })
	}
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	fail((&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(l))
}

// flood writes that many lines of 64 bytes, then serves.
func flood(lines string) {
	n, err := strconv.Atoi(lines)
	if err != nil {
		fail(err)
	}
	for i := range n {
		fmt.Printf("line %08d %s\n", i, strings.Repeat(".", 49))
	}
	serve()
}

// eat takes that many MiB of memory, then serves.
func eat(size string) {
	n, err := strconv.Atoi(size)
	if err != nil {
		fail(err)
	}
	eaten := make([]byte, n<<20)
	for i := 0; i < len(eaten); i += 4096 {
		eaten[i] = 1
	}
	serve()
	fmt.Println(len(eaten))
}
