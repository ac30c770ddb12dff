"""Results of benchmarks, made up for tests: no figure here was measured."""

MACHINE = {"machine": "a machine", "versions": {"torch": "2"}}
EXPORT = {
    "export_seconds": 6.0,
    "plain_export_seconds": 5.0,
    "export_overhead_ratio": 1.1,
    "cached_export_seconds": 0.5,
    "store_bytes_ratio": 1.02,
    "server_start_seconds": 3.0,
    "plain_start_seconds": 2.5,
    "server_start_ratio": 1.2,
    "server_memory_mb": 430.0,
    "server_memory_ratio": 1.2,
    "served_worst_abs_error": 2e-7,
    "steps": [
        {"step": "rest", "seconds": 4.0, "plain_seconds": 3.0},
        {"step": "trace", "seconds": 2.0, "plain_seconds": 1.0},
        {"step": "publish", "seconds": 0.5, "plain_seconds": 0.0},
    ],
    "buckets": [
        {"batch": 1, "length": 32, "p50_ms": 10.0, "eager_p50_ms": 12.0},
        {"batch": 8, "length": 32, "p50_ms": 20.0, "eager_p50_ms": 24.0},
        {"batch": 1, "length": 128, "p50_ms": 20.0, "eager_p50_ms": 22.0},
        {"batch": 8, "length": 128, "p50_ms": 80.0, "eager_p50_ms": 82.0},
    ],
    **MACHINE,
}
LOAD = {
    "requests_per_second_in_100_ms": 40.0,
    "plain_requests_per_second_in_100_ms": 20.0,
    "light_p50_ms": 8.0,
    "plain_light_p50_ms": 7.0,
    "load": [
        {"server": server, "requests_per_second": rate, "p50_ms": p50, "p99_ms": p99, "failed": 0}
        for server, rate, p50, p99 in (
            ("tracedmodel", 20.0, 8.0, 20.0),
            ("tracedmodel", 40.0, 12.0, 60.0),
            ("tracedmodel", 80.0, 300.0, 1200.0),
            ("plain", 20.0, 7.0, 40.0),
            ("plain", 40.0, 900.0, 1500.0),
        )
    ],
    **MACHINE,
}
OPERATOR = {
    "apply_to_job_p50_ms": 5.0,
    "apply_to_job_p99_ms": 9.0,
    "jobs_created_1000_s": 6.0,
    "ready_1000_s": 19.0,
    "restart_pass_10000_s": 24.0,
    "restart_writes_10000": 0.0,
    "memory_10000_mb": 210.0,
    "memory_growth_ratio": 1.01,
    "idle_requests": 0.0,
    "requests_per_life": 14.0,
    "created": [
        {"resources": 500, "jobs_s": 3.0, "ready_s": 10.0},
        {"resources": 1000, "jobs_s": 6.0, "ready_s": 19.0},
    ],
    "filled": [
        {"resources": 1201, "memory_mb": 120.0},
        {"resources": 10000, "memory_mb": 260.0},
    ],
    "restart": [
        {"seconds": 0.0, "looks": 0.0},
        {"seconds": 8.0, "looks": 500.0},
        {"seconds": 24.0, "looks": 10000.0},
    ],
    **MACHINE,
}
