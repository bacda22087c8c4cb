#include "app/status/findings.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cachey::app {
namespace {

void tell(const Finding& finding) {
  log::warn("finding", {{"code", to_string(finding.code)},
                        {"level", to_string(finding.level)},
                        {"text", finding.text}});
}

}  // namespace

void Findings::update(const Scene& scene) {
  const int64_t now_ms = scene.facts.totals[Column::kTimeMs];
  ++second_;
  for (const Rule& rule : rules()) {
    State& state = states_[static_cast<size_t>(rule.code)];
    Judgement judgement = rule.judge(scene, state.began);
    if (judgement.holds) {
      state.last_held = second_;
      if (state.began) {
        const bool is_worse = judgement.level < state.finding.level;
        state.finding.level = judgement.level;
        state.finding.text = std::move(judgement.text);
        if (is_worse) tell(state.finding);
      } else {
        state.finding.code = rule.code;
        state.first_held = second_;
        begin(state, std::move(judgement), now_ms);
      }
    } else if (state.began && second_ - state.last_held >= rule.hold.count()) {
      end(state);
    }
  }
}

void Findings::begin(State& state, Judgement judgement, int64_t now_ms) {
  Finding& finding = state.finding;
  finding.level = judgement.level;
  finding.text = std::move(judgement.text);
  finding.since_ms = now_ms;
  state.began = true;
  on_[static_cast<size_t>(finding.code)].store(true, std::memory_order_relaxed);
  tell(finding);
}

void Findings::end(State& state) {
  state.began = false;
  on_[static_cast<size_t>(state.finding.code)].store(false, std::memory_order_relaxed);
  log::info("finding ended",
            {{"code", to_string(state.finding.code)}, {"seconds", second_ - state.first_held}});
}

std::vector<Finding> Findings::worst_first() const {
  std::vector<Finding> found;
  for (const State& state : states_) {
    if (state.began) found.push_back(state.finding);
  }
  std::ranges::sort(found, {}, [](const Finding& f) { return std::pair(f.level, f.code); });
  return found;
}

}  // namespace cachey::app
