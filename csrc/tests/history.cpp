// History against a plain vector that forgets nothing.
#include "voiceanon/history.hpp"

#include <algorithm>

#include "check.hpp"

using namespace voiceanon;

namespace {

void test_reach(std::size_t reach) {
  History history(reach);
  std::vector<float> all;
  check::Noise noise(reach);
  const auto see = [&] {
    CHECK(history.end() == static_cast<std::int64_t>(all.size()));
    for (std::size_t back = 1; back <= reach; ++back) {
      const std::int64_t position = history.end() - static_cast<std::int64_t>(back);
      const float truth = position < 0 ? 0.0f : all[static_cast<std::size_t>(position)];
      CHECK(*history.at(position) == truth);
    }
  };
  see();
  for (int block = 0; block < 200; ++block) {
    const auto count = static_cast<std::size_t>((noise() * 0.5f + 0.5f) * static_cast<float>(reach));
    float* to = history.extend(count);
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = noise();
      all.push_back(to[i]);
    }
    see();
  }
  history.reset();
  all.clear();
  see();
}

void test_a_block_beyond_its_reach_is_refused() {
  History history(10);
  bool refused = false;
  try {
    history.extend(100000);
  } catch (const std::length_error&) {
    refused = true;
  }
  CHECK(refused);
}

}  // namespace

int main() {
  for (std::size_t reach : {1, 2, 63, 500}) test_reach(reach);
  test_a_block_beyond_its_reach_is_refused();
}
