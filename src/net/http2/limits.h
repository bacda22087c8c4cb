#pragma once

#include <cstddef>
#include <cstdint>

/// What one HTTP/2 client may ask of us; the table in README.md says why and what happens past it.
namespace cachey::net::http2 {

/// Requests of one connection at a time; one whose client took it back counts until its handler has
/// ended.
inline constexpr size_t kStreamsMax = 128;
/// Requests of all HTTP/2 connections of a worker.
inline constexpr size_t kWorkerStreamsMax = 8192;

/// A head past `head_bytes_max` is 431. One past so many times that, encoded or decoded, is an
/// attack on the decoder, whose state all requests share: the connection ends.
inline constexpr size_t kHeadBytesFactor = 4;
inline constexpr size_t kContinuationsMax = 8;
/// Of the decoder's table of fields, and of the encoder's.
inline constexpr uint32_t kFieldTableBytes = 4096;

/// Bytes of a request's body, which nobody reads: its stream's window, and never renewed.
inline constexpr uint32_t kRequestBodyMax = uint32_t{256} << 10;

/// Acknowledgements of SETTINGS and PING that wait to be sent, and entries of one SETTINGS.
inline constexpr size_t kAcksMax = 100;
inline constexpr size_t kSettingsMax = 32;
/// Encoded trailers of one response: 4,096 of 250 B.
inline constexpr size_t kTrailerBytesMax = size_t{1} << 20;

/// Requests that the client takes back, or makes us refuse.
inline constexpr double kResetsBurst = 1000;
inline constexpr double kResetsPerSecond = 100;

/// Frames that ask for nothing: all but the first HEADERS of a request. A request, a frame of a
/// body that we send, and the body's bytes pay for those that properly come with them. What bytes
/// have paid for may come long after them, when their client reads what it has in store: so many
/// frames at most, which is what kStreamsMax streams of 4 MiB in steps of 4 KiB bring, two a step.
inline constexpr double kChatterBurst = 1000;
inline constexpr double kChatterPerSecond = 100;
inline constexpr double kChatterPerRequest = 8;
inline constexpr double kChatterPerDataSent = 4;
inline constexpr double kChatterPerByteSent = 1.0 / 1024;
inline constexpr double kChatterPaidMax = kStreamsMax * 2 * 1024;

/// Frames are made for so many bytes at most before they are handed to the kernel, and bodies of so
/// many are copied to leave together with others.
inline constexpr size_t kRoundBytes = size_t{256} << 10;
inline constexpr size_t kCopyMax = size_t{16} << 10;
/// Bodies send so much, where nobody waits for a turn, before the connection's loop comes round: it
/// reads, and the worker's other connections have their turn.
inline constexpr size_t kTurnBytes = size_t{1} << 20;
/// Blocks read before the answers to what they ask are sent.
inline constexpr int kReadsMax = 4;

}  // namespace cachey::net::http2
