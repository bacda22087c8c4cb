#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "net/connection/client_socket.h"

/// The limits of HTTP/2. docs/http.md says why each exists and what happens past it.
namespace cachey::net::http2 {

/// Open requests of one connection.
inline constexpr size_t kStreamsMax = 128;
/// Requests of one connection with a handler: open ones, and those that the client has reset, until
/// their handlers end.
inline constexpr size_t kHandlersMax = 2 * kStreamsMax;
/// An open request in RequestMemory: text of a small head, a list of fields, and the stream.
/// nghttp2 has further 1.5 KB for it.
inline constexpr size_t kRequestBytes = size_t{6} << 10;

/// A head larger than `head_bytes_max` gets 431. A head larger than kHeadBytesFactor times that,
/// encoded or decoded, ends the connection: the decoder's state is shared, so every head must be
/// decoded, even a refused one.
inline constexpr size_t kHeadBytesFactor = 4;
inline constexpr size_t kContinuationsMax = 8;
/// Size of HPACK's dynamic table, of the decoder and of the encoder.
inline constexpr uint32_t kFieldTableBytes = 4096;

/// Bytes of a request's body, which nobody reads. This is the stream's window; it is not renewed.
inline constexpr uint32_t kRequestBodyMax = uint32_t{256} << 10;

/// A stream must take this much in each `write_timeout` that it waits for its window.
inline constexpr size_t kLeastBytes = ClientSocket::kLeastBytes;

/// Queued acknowledgements of SETTINGS and PING, and entries of one SETTINGS.
inline constexpr size_t kAcksMax = 100;
inline constexpr size_t kSettingsMax = 32;
/// Encoded trailers of one response: 4,096 of 250 B.
inline constexpr size_t kTrailerBytesMax = size_t{1} << 20;

/// Requests that the client resets within kQuickReset, or that we reset because of the client's
/// fault. Of older requests kStreamsMax can be reset in each kQuickReset, and no more: clients of a
/// proxy may all give up on a store that hangs.
inline constexpr double kResetsBurst = 1000;
inline constexpr double kResetsPerSecond = 100;
inline constexpr std::chrono::milliseconds kQuickReset{100};

/// Frames that ask for nothing: all except those of a request's head. Each request, DATA
/// frame and byte we send earns credit for such frames. The credit of bytes may be saved up to
/// kChatterPaidMax, because a client that reads late acknowledges late. kChatterPaidMax is for
/// kStreamsMax streams of 4 MiB, with two window updates for each 4 KiB.
inline constexpr double kChatterBurst = 1000;
inline constexpr double kChatterPerSecond = 100;
inline constexpr double kChatterPerRequest = 8;
inline constexpr double kChatterPerDataSent = 4;
inline constexpr double kChatterPerByteSent = 1.0 / 1024;
inline constexpr double kChatterPaidMax = kStreamsMax * 2 * 1024;
/// A DATA frame below this size, cut short by a window of the client, earns nothing and counts as
/// such a frame itself.
inline constexpr size_t kDribbleBytes = 256;

/// Frames of all HTTP/2 connections of a worker that the kernel has not taken. Past it, rounds of
/// frames are of kSmallRoundBytes.
inline constexpr size_t kUnsentMax = size_t{64} << 20;
inline constexpr size_t kSmallRoundBytes = size_t{16} << 10;

/// kRoundBytes: at most this many bytes of frames are made before they are sent. kCopyMax: bodies
/// up to this size are copied within a batch, to leave together.
inline constexpr size_t kRoundBytes = size_t{256} << 10;
inline constexpr size_t kCopyMax = size_t{16} << 10;
/// If no response waits for a turn, bodies send this much before the connection's loop comes round,
/// reads, and lets other connections of the worker run.
inline constexpr size_t kTurnBytes = size_t{1} << 20;
/// Blocks read before the requests in them are started.
inline constexpr int kReadsMax = 4;

}  // namespace cachey::net::http2
