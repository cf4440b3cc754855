#pragma once
#include <sched.h>
#include <unistd.h>
#include <sys/syscall.h>

// glibc shows sched_getaffinity only under _GNU_SOURCE, which Swift's importer does not set.
static inline long clinux_affinity(unsigned long mask_bytes, void *mask) {
  return syscall(SYS_sched_getaffinity, 0, mask_bytes, mask);
}
