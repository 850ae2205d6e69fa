/* Stands for Python: hands its arguments, environment, folder and standard streams to the warm Python of its folder.

   A millisecond of CPU where the same in Python is fifteen. PYTHON is the real one: what cannot be handed over it runs. */

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;
static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP};
static int wire;

static void fail(const char *what) {
  perror(what);
  _exit(255);
}

static void pass_on(int number) {
  char one = (char)number;
  send(wire, &one, 1, MSG_NOSIGNAL);
}

/* Each text with a zero after it, as the arguments and the environment of a process are written. */
static void add(FILE *request, const char *text) { fwrite(text, 1, strlen(text) + 1, request); }

static void hand_over(int argc, char **argv) {
  char *content, folder[PATH_MAX], number[16];
  size_t size;
  FILE *request = open_memstream(&content, &size);
  if (!request || !getcwd(folder, sizeof folder)) fail("warm Python: cannot hand over");
  snprintf(number, sizeof number, "%d", argc - 1);
  add(request, number);
  for (int i = 1; i < argc; i++) add(request, argv[i]);
  add(request, folder);
  for (char **one = environ; *one; one++) add(request, *one);
  fclose(request);

  unsigned char length[4] = {size >> 24, size >> 16, size >> 8, size};
  int streams[3] = {0, 1, 2};
  union {
    char space[CMSG_SPACE(sizeof streams)];
    struct cmsghdr aligned;
  } control = {0};
  struct iovec part = {length, sizeof length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof streams);
  memcpy(CMSG_DATA(header), streams, sizeof streams);
  if (sendmsg(wire, &message, 0) != sizeof length) fail("warm Python: cannot send");
  for (size_t sent = 0; sent < size;) {
    ssize_t more = send(wire, content + sent, size - sent, 0);
    if (more <= 0) fail("warm Python: cannot send");
    sent += (size_t)more;
  }
}

/* A number of 16 characters; `missing` when the other end has gone. */
static int received(int missing) {
  char text[17] = {0};
  for (size_t got = 0; got < 16;) {
    ssize_t more = recv(wire, text + got, 16 - got, 0);
    if (more == 0 || (more < 0 && errno != EINTR)) return missing;
    if (more > 0) got += (size_t)more;
  }
  return atoi(text);
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char self[PATH_MAX] = {0};
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) fail("warm Python: cannot find itself");
  for (int level = 0; level < 2; level++) *strrchr(self, '/') = 0;
  if (snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", self) >= (int)sizeof address.sun_path)
    fail("warm Python: too long a folder");
  wire = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(wire, (struct sockaddr *)&address, sizeof address) < 0) fail("warm Python: cannot connect");

  sigset_t signals;
  sigemptyset(&signals);
  for (int i = 0; i < 3; i++) sigaddset(&signals, passed_on[i]);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  hand_over(argc, argv);
  int pid = received(-1);
  if (pid < 0) fail("warm Python: no answer");
  if (pid == 0) { /* not for a fork */
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    argv[0] = (char *)PYTHON;
    execv(PYTHON, argv);
    fail(PYTHON);
  }
  close(0);
  close(1); /* their other ends are to feel when the fork has gone, and not this process */
  for (int i = 0; i < 3; i++) signal(passed_on[i], pass_on);
  sigprocmask(SIG_UNBLOCK, &signals, NULL);

  int status = received(255);
  if (status < 0) {
    if (status != -SIGKILL && status != -SIGSTOP) signal(-status, SIG_DFL);
    kill(getpid(), -status);
  }
  _exit(status);
}
