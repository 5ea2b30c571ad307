// Command app is the sample service of the tests: it answers with its version and fails when told to.
//
// Environment: VERSION, PORT (8080), DRAIN_SECONDS (2: how long it still serves after SIGTERM),
// FAIL_READY=1 (never ready), CRASH=1 (exits with 1 after a second, before it listens),
// CRASH_AFTER_SECONDS=3 (serves that long, then exits with 1),
// ERROR_RATE=0.2 (share of answers that are 500), LATENCY_MS=50, LEAK_MB=10 (allocated each second).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}

// settings is what the environment says, read once.
type settings struct {
	version, port              string
	failReady, crash           bool
	crashAfter, drain, latency time.Duration
	errorRate                  float64
	leakMegabytes              int
}

func text(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

func number(name, fallback string) float64 {
	f, err := strconv.ParseFloat(text(name, fallback), 64)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s is not a number: %v\n", name, err)
		os.Exit(2)
	}
	return f
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func read() settings {
	return settings{
		version: text("VERSION", "dev"), port: text("PORT", "8080"),
		failReady: os.Getenv("FAIL_READY") == "1", crash: os.Getenv("CRASH") == "1",
		crashAfter: seconds(number("CRASH_AFTER_SECONDS", "0")), drain: seconds(number("DRAIN_SECONDS", "2")),
		latency: seconds(number("LATENCY_MS", "0") / 1000), errorRate: number("ERROR_RATE", "0"),
		leakMegabytes: int(number("LEAK_MB", "0")),
	}
}

// service counts what it answers, for /metrics.
type service struct {
	settings
	output   sync.Mutex
	good     atomic.Int64
	bad      atomic.Int64
	counts   []atomic.Int64
	sumNanos atomic.Int64
}

func (s *service) log(level, message string, fields map[string]any) {
	line := map[string]any{
		"time": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "msg": message, "version": s.version,
	}
	for k, v := range fields {
		line[k] = v
	}
	s.output.Lock()
	defer s.output.Unlock()
	json.NewEncoder(os.Stdout).Encode(line)
}

func (s *service) answer(w http.ResponseWriter, r *http.Request) {
	start, status, level, count := time.Now(), http.StatusOK, "info", &s.good
	time.Sleep(s.latency)
	if rand.Float64() < s.errorRate {
		status, level, count = http.StatusInternalServerError, "error", &s.bad
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, s.version)
	took := time.Since(start)
	count.Add(1)
	s.sumNanos.Add(int64(took))
	i := 0
	for i < len(bounds) && took.Seconds() > bounds[i] {
		i++
	}
	s.counts[i].Add(1)
	s.log(level, "request", map[string]any{"path": r.URL.Path, "status": status, "seconds": took.Seconds()})
}

func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "# TYPE http_requests_total counter")
	// Both codes from the start: a counter that is born at 1 has no increase in the eyes of rate().
	fmt.Fprintf(w, "http_requests_total{version=%q,code=\"200\"} %d\n", s.version, s.good.Load())
	fmt.Fprintf(w, "http_requests_total{version=%q,code=\"500\"} %d\n", s.version, s.bad.Load())
	fmt.Fprintln(w, "# TYPE http_request_duration_seconds histogram")
	var total int64
	for i := range s.counts {
		total += s.counts[i].Load()
		bound := "+Inf"
		if i < len(bounds) {
			bound = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		fmt.Fprintf(w, "http_request_duration_seconds_bucket{version=%q,le=%q} %d\n", s.version, bound, total)
	}
	fmt.Fprintf(w, "http_request_duration_seconds_sum{version=%q} %g\n", s.version, time.Duration(s.sumNanos.Load()).Seconds())
	fmt.Fprintf(w, "http_request_duration_seconds_count{version=%q} %d\n", s.version, total)
}

func (s *service) ready(w http.ResponseWriter, _ *http.Request) {
	if s.failReady {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	}
}

func (s *service) leak() {
	var kept [][]byte
	for range time.Tick(time.Second) {
		block := make([]byte, s.leakMegabytes<<20)
		for i := range block {
			block[i] = 1 // pages count against the limit only when written
		}
		kept = append(kept, block)
	}
	_ = kept
}

func (s *service) die(after time.Duration) {
	time.Sleep(after)
	s.log("fatal", "asked to crash", nil)
	os.Exit(1)
}

// serve answers until SIGTERM, and then as long as the drain lasts: kube-proxy takes the endpoint away meanwhile.
func (s *service) serve() error {
	routes := http.NewServeMux()
	routes.HandleFunc("/", s.answer)
	routes.HandleFunc("/metrics", s.metrics)
	routes.HandleFunc("/healthz", s.ready)
	server := &http.Server{Addr: ":" + s.port, Handler: routes}
	stop, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		s.log("info", "stopping", nil)
		time.Sleep(s.drain)
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(limit)
		close(done)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	<-done
	return nil
}

// get fetches a URL and prints the answer: what `kubectl exec` can run in an image without a shell.
func get(url string) error {
	r, err := http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	_, err = io.Copy(os.Stdout, r.Body)
	return err
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "get" {
		if err := get(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	s := &service{settings: read(), counts: make([]atomic.Int64, len(bounds)+1)}
	s.log("info", "start", nil)
	if s.leakMegabytes > 0 {
		go s.leak()
	}
	if s.crash {
		s.die(time.Second)
	}
	if s.crashAfter > 0 {
		go s.die(s.crashAfter)
	}
	if err := s.serve(); err != nil {
		s.log("fatal", err.Error(), nil)
		os.Exit(1)
	}
}
