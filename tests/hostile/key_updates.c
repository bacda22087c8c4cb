/* A flood of TLS 1.3 KeyUpdate records: key_updates PORT UPDATES. Again and again kFloods
   connections are made, UPDATES records of 27 bytes are encrypted for each, a line is printed, and
   all records of all connections are sent at once. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kFloods = 8 };

static int connect_to(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

typedef struct {
  int fd;
  SSL* ssl;
  char* data; /* the records, of `size` bytes; NULL: none */
  long size;
} Flood;

static Flood make_flood(SSL_CTX* context, int port, long updates) {
  Flood made = {.fd = connect_to(port), .ssl = SSL_new(context)};
  SSL_set_fd(made.ssl, made.fd);
  if (made.fd < 0 || SSL_connect(made.ssl) != 1) return made;
  BIO* records = BIO_new(BIO_s_mem());
  SSL_set0_wbio(made.ssl, records);
  for (long i = 0; i < updates; ++i) {
    if (SSL_key_update(made.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
        SSL_do_handshake(made.ssl) != 1)
      exit(1);
  }
  made.size = BIO_get_mem_data(records, &made.data);
  return made;
}

/* Sends the records; the server may end the connection at any time. */
static void send_records(Flood flood) {
  for (long sent = 0, now = 1; sent < flood.size && now > 0; sent += now) {
    now = send(flood.fd, flood.data + sent, flood.size - sent, MSG_NOSIGNAL);
  }
}

static void end_flood(Flood flood) {
  SSL_free(flood.ssl);
  if (flood.fd >= 0) close(flood.fd);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  for (;;) {
    Flood floods[kFloods];
    for (int i = 0; i < kFloods; ++i) floods[i] = make_flood(context, atoi(argv[1]), atol(argv[2]));
    puts("made");
    fflush(stdout);
    for (int i = 0; i < kFloods; ++i) {
      if (fork() == 0) {
        send_records(floods[i]);
        _exit(0);
      }
    }
    while (wait(NULL) > 0) continue;
    for (int i = 0; i < kFloods; ++i) end_flood(floods[i]);
  }
}
