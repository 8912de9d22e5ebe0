// One accepted connection, plain or TLS, served by the HTTP library through a stream of our own:
//
//   - a request's head is read whole, with a limit and a deadline of its own, before the library sees it;
//     a slow or endless head costs a thread for seconds only
//   - Range headers are dropped: nothing here has ranges, and the library reads them by a recursive regex
//     that needs megabytes of stack
//   - idle connections sleep in poll and end at once when the server stops
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include "common/time.h"
#include "controller/runtime/admission_rate.h"

namespace drover::controller {

// TLS handshakes at a bounded rate (R13): each costs a millisecond of CPU. Thread-safe.
class HandshakeGate {
 public:
  explicit HandshakeGate(double per_second) : rate_(per_second, per_second) {}

  // Waits its turn; false: too many wait.
  bool Enter();

 private:
  std::mutex mutex_;
  AdmissionRate rate_;
};

struct ConnectionTerms {
  int stop_fd = -1;                     // readable: the server stops
  Duration idle = absl::Seconds(5);     // between two requests
  Duration head = absl::Seconds(5);     // for a head to come whole
  Duration block = absl::Seconds(5);    // for one read or write; cuts watchers that do not read (R13)
  size_t head_limit = 32U << 10;        // bytes
  int requests = 100;                   // of one connection
  HandshakeGate* handshakes = nullptr;  // null: as many as come
};

// Reads and writes `socket`, over `ssl` when that is not null. Owns neither.
class ConnectionStream : public httplib::Stream {
 public:
  ConnectionStream(int socket, SSL* ssl, const ConnectionTerms& terms);

  // Waits for the next request's head and takes it in. False: end the connection.
  bool ReadHead();
  // Says that nothing more comes and lets the peer read what it was sent before the reset that closing
  // with unread bytes would cause.
  void Linger();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;

  socket_t socket() const override { return socket_; }

 private:
  bool WaitForBytes(Duration wait) const;
  ssize_t ReadSome(char* to, size_t size);

  const int socket_;
  SSL* const ssl_;
  const ConnectionTerms terms_;
  std::string taken_;  // read from the socket, not yet by the library
};

// Null when the handshake fails within `block`.
SSL* AcceptTls(SSL_CTX* context, int socket);
void CloseTls(SSL* ssl);
// Deadlines of single reads and writes.
void SetDeadlines(int socket, Duration block);
void CloseSocket(int socket);

// The library's server (httplib::Server or httplib::SSLServer) over ConnectionStream.
template <typename Base>
class ServerOn : public Base {
 public:
  template <typename... Args>
  explicit ServerOn(ConnectionTerms terms, Args&&... args)
      : Base(std::forward<Args>(args)...), terms_(terms) {}

 private:
  bool process_and_close_socket(socket_t socket) override {
    SetDeadlines(socket, terms_.block);
    SSL* ssl = nullptr;
    if constexpr (std::is_same_v<Base, httplib::SSLServer>) {
      if (terms_.handshakes == nullptr || terms_.handshakes->Enter()) {
        ssl = AcceptTls(this->ssl_context(), socket);
      }
      if (ssl == nullptr) {
        CloseSocket(socket);
        return false;
      }
    }
    Serve(socket, ssl);
    CloseTls(ssl);
    CloseSocket(socket);
    return true;
  }

  void Serve(int socket, SSL* ssl) {
    ConnectionStream stream(socket, ssl, terms_);
    for (int left = terms_.requests; left > 0 && stream.ReadHead(); --left) {
      bool closed = false;
      const bool good = this->process_request(stream, left == 1, closed, nullptr);
      if (!good || closed) {
        break;
      }
    }
    stream.Linger();
  }

  const ConnectionTerms terms_;
};

}  // namespace drover::controller
