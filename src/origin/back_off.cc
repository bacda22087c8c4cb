#include "origin/back_off.h"

#include <stop_token>

#include "rt/wakeup.h"

namespace cachey::origin {

rt::Task<bool> back_off(rt::Worker& worker, const GetRequest& request,
                        std::chrono::nanoseconds delay, MonoTime deadline) {
  std::stop_source end;
  const auto wake = [&end] { end.request_stop(); };
  const std::stop_callback on_stop(request.stop, wake);
  const std::stop_callback on_hurry(request.hurry, wake);
  if (end.stop_requested()) co_return false;
  if (delay.count() <= 0) co_return true;
  if (request.turn != nullptr) request.turn->leave();
  const bool slept = co_await rt::sleep(worker, delay, end.get_token());
  if (!slept || request.turn == nullptr) co_return slept;
  co_return co_await request.turn->come_back(deadline);
}

}  // namespace cachey::origin
