#include "api/s3/part_questions.h"

#include <fmt/format.h>

#include <utility>

namespace cachey::api::s3 {
namespace {

using Form = PartPlace::Form;

origin::ForwardRequest request_of(bool head, const std::string& bucket,
                                  const PartQuestion& question) {
  return origin::ForwardRequest{
      .head = head,
      .bucket = bucket,
      .key = question.spec->key.object,
      .query = {{"partNumber", fmt::format("{}", question.number)}},
      .fields = {{"if-match", question.version->info.etag}},
      .config = question.spec->config,
      .stop = question.client_left,
      .request_id = question.spec->request_id,
      .trace = question.spec->trace,
  };
}

std::string name_of(const PartQuestion& question) {
  return part_name(*question.version, question.spec->key.object, question.number);
}

}  // namespace

/// The request that asks, for all that wait. Its end, whatever the cause, wakes the others.
class PartQuestions::Lead {
 public:
  Lead(PartQuestions& owner, std::string name, FlightPtr flight)
      : owner_(owner), name_(std::move(name)), flight_(std::move(flight)) {}
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() {
    const MutexLock lock(owner_.mutex_);
    flight_->ended = true;
    owner_.flights_.erase(name_);
    rt::notify_all(flight_->waiting);
  }

  void set_outcome(const Result<PartPlace>& outcome) {
    const MutexLock lock(owner_.mutex_);
    flight_->outcome = outcome;
  }

 private:
  PartQuestions& owner_;
  const std::string name_;
  const FlightPtr flight_;
};

/// A request that waits for another's answer.
class PartQuestions::Place : public rt::Waiter {
 public:
  Place(rt::Executor executor, PartQuestions& owner, Flight& flight)
      : Waiter(std::move(executor)), owner_(owner), flight_(flight) {}
  ~Place() { (void)leave(); }

  /// False: the flight has ended.
  [[nodiscard]] bool enter() {
    const MutexLock lock(owner_.mutex_);
    if (!flight_.ended) flight_.waiting.push_back(*this);
    return !flight_.ended;
  }
  bool leave() {
    const MutexLock lock(owner_.mutex_);
    if (!is_linked()) return false;
    flight_.waiting.erase(flight_.waiting.iterator_to(*this));
    return true;
  }

 private:
  PartQuestions& owner_;
  Flight& flight_;
};

PartQuestions::PartQuestions(origin::Forwarder* forwarder, ForwardPlaces& places,
                             const Clock& clock, Metrics& metrics, uint64_t bytes_max,
                             std::function<void(int64_t)> charge)
    : forwarder_(forwarder), places_(places), clock_(clock), known_(bytes_max, std::move(charge)) {
  static constexpr std::array<const char*, kOutcomes> kNames = {"range",   "whole",   "none",
                                                                "foreign", "changed", "failed"};
  for (size_t outcome = 0; outcome < kOutcomes; ++outcome) {
    outcomes_[outcome] =
        metrics.counter("cachey_s3api_part_questions_total",
                        "Questions to the store where a part of an object is, by its answer",
                        {{"outcome", kNames[outcome]}});
  }
}

std::optional<PartPlace> PartQuestions::find(const ObjectSource& version, const std::string& key,
                                             uint32_t number) {
  const ObjectInfo& info = version.info;
  if (forwarder_ == nullptr || (!info.strong_tag().empty() && !parts_in_tag(info.etag))) {
    if (number == 1) return PartPlace{Form::kRange, {0, info.size}};
    return PartPlace{Form::kNone};
  }
  if (info.strong_tag().empty()) return PartPlace{Form::kForeign};
  return known_.find(version, key, number);
}

rt::Task<Result<PartPlace>> PartQuestions::ask(rt::Worker& worker, PartQuestion question) {
  const std::string name = name_of(question);
  while (true) {
    auto [flight, leads] = join(name);
    if (leads) co_return co_await lead(worker, std::move(question), std::move(flight));
    const bool ended = co_await wait(worker, flight, question.client_left);
    if (!ended) co_return fail(ErrorKind::kCancelled, "the client left");
    if (!flight->outcome) continue;
    const Result<PartPlace>& place = *flight->outcome;
    const bool is_old_refusal =
        place && place->form == Form::kNone && flight->asked_at < question.news_from;
    if (!is_old_refusal) co_return place;
  }
}

std::pair<PartQuestions::FlightPtr, bool> PartQuestions::join(const std::string& name) {
  const MutexLock lock(mutex_);
  FlightPtr& flight = flights_[name];
  const bool is_new = flight == nullptr;
  if (is_new) flight = std::make_shared<Flight>(Flight{.asked_at = clock_.mono()});
  return {flight, is_new};
}

rt::Task<Result<PartPlace>> PartQuestions::lead(rt::Worker& worker, PartQuestion question,
                                                FlightPtr flight) {
  Lead leader(*this, name_of(question), std::move(flight));
  Result<ForwardPlaces::Place> entered =
      co_await places_.enter(worker, question.spec->client, question.client_left);
  if (!entered) co_return std::unexpected(std::move(entered.error()));
  Result<PartPlace> place = co_await look(worker, question);
  if (place) known_.note(*question.version, question.spec->key.object, question.number, *place);
  const bool left = !place && place.error().kind() == ErrorKind::kCancelled;
  if (!left) leader.set_outcome(place);
  co_return place;
}

rt::Task<Result<PartPlace>> PartQuestions::look(rt::Worker& worker, const PartQuestion& question) {
  Result<PartPlace> place = co_await look_at(worker, question.version->bucket, question);
  for (const std::string& replica : question.spec->buckets) {
    if (place || place.error().kind() == ErrorKind::kCancelled) break;
    if (replica == question.version->bucket) continue;
    Result<PartPlace> other = co_await look_at(worker, replica, question);
    const bool tells = other && (other->form == Form::kRange || other->form == Form::kWhole);
    if (tells) place = *other;
  }
  co_return place;
}

/// Some stores tell the part's own tag in the answer to a HEAD (moto), or obey the number in HEAD
/// alone. Then the head of a GET decides; its body is not read.
rt::Task<Result<PartPlace>> PartQuestions::look_at(rt::Worker& worker, const std::string& bucket,
                                                   const PartQuestion& question) {
  Result<PartPlace> place = co_await look_by(worker, true, bucket, question);
  if (!place && place.error().kind() == ErrorKind::kChanged)
    place = co_await look_by(worker, false, bucket, question);
  co_return place;
}

rt::Task<bool> PartQuestions::wait(rt::Worker& worker, FlightPtr flight,
                                   std::stop_token client_left) {
  Place place(worker.executor(), *this, *flight);
  if (!place.enter()) co_return true;
  const rt::Until until{MonoTime::max(), std::move(client_left)};
  const rt::WaitEnd end =
      co_await place.wait_until(worker.timers(), until, [&place] { return place.leave(); });
  co_return end == rt::WaitEnd::kNotified;
}

rt::Task<Result<PartPlace>> PartQuestions::look_by(rt::Worker& worker, bool head,
                                                   const std::string& bucket,
                                                   const PartQuestion& question) {
  Result<std::unique_ptr<origin::ForwardAnswer>> answer =
      co_await forwarder_->forward(worker, request_of(head, bucket, question));
  Result<PartPlace> place = PartPlace();
  if (answer) {
    const origin::ForwardAnswer& said = **answer;
    place = read_part_answer({said.status(), said.lines(), said.content_length()},
                             question.version->info, question.number);
  } else {
    place = std::unexpected(std::move(answer.error()));
  }
  count(place);
  co_return place;
}

void PartQuestions::count(const Result<PartPlace>& answer) const {
  constexpr size_t kChanged = 4;
  constexpr size_t kFailed = 5;
  if (answer) {
    outcomes_[static_cast<size_t>(answer->form)].add();
  } else {
    outcomes_[answer.error().kind() == ErrorKind::kChanged ? kChanged : kFailed].add();
  }
}

}  // namespace cachey::api::s3
