package status

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
)

// process writes what every program tells of itself, under the names that Prometheus
// gives it.
func (e *exposition) process(s *Snapshot) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	e.one("go_goroutines", gauge, "Goroutines.", float64(runtime.NumGoroutine()))
	e.one("go_memstats_heap_alloc_bytes", gauge, "Memory in use on the heap.", float64(mem.HeapAlloc))
	e.one("go_memstats_sys_bytes", gauge, "Memory taken from the system.", float64(mem.Sys))
	e.one("go_gc_cycles_total", counter, "Garbage collections.", float64(mem.NumGC))
	e.one("process_start_time_seconds", gauge, "When the service was started.", timestamp(s.Started))
	if cpu, ok := cpuSeconds(); ok {
		e.one("process_cpu_seconds_total", counter, "CPU time used.", cpu)
	}
	if n, ok := residentBytes(); ok {
		e.one("process_resident_memory_bytes", gauge, "Resident memory.", float64(n))
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		e.one("process_open_fds", gauge, "Open files and connections.", float64(len(files)))
	}
	if n, ok := maxFiles(); ok {
		e.one("process_max_fds", gauge, "How many may be open.", float64(n))
	}
}

// residentBytes reads proc_pid_statm(5), where there is one.
func residentBytes() (int64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
