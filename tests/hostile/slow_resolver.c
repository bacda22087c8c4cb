/* For LD_PRELOAD: a name server for *.test. The names in SLOW_RESOLVER_KNOWN, each between blanks,
   are 127.0.0.1; any other name takes SLOW_RESOLVER_MS to be told absent. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*Resolver)(const char*, const char*, const struct addrinfo*, struct addrinfo**);

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** found) {
  static Resolver real;
  if (!real) real = (Resolver)dlsym(RTLD_NEXT, "getaddrinfo");
  size_t length = node ? strlen(node) : 0;
  if (length < 5 || strcmp(node + length - 5, ".test") != 0)
    return real(node, service, hints, found);
  char wanted[256];
  snprintf(wanted, sizeof wanted, " %s ", node);
  if (strstr(getenv("SLOW_RESOLVER_KNOWN"), wanted))
    return real("127.0.0.1", service, hints, found);
  usleep(1000 * atoi(getenv("SLOW_RESOLVER_MS")));
  return EAI_NONAME;
}
