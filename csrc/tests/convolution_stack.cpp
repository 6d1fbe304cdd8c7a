// ConvolutionStack against the plain sums it stands for, and against itself in other chunks.
#include "voiceanon/convolution_stack.hpp"

#include <algorithm>
#include <stdexcept>

#include "check.hpp"

using namespace voiceanon;

namespace {

constexpr int kInputs = 5, kChannels = 19, kOutputs = 7;
const std::vector<BlockShape> kBlocks = {{1, 1}, {3, 0}, {2, 1}};

struct Network {
  std::vector<float> weights, biases;
  std::shared_ptr<const StackModel> model;
};

Network network(std::uint64_t seed) {
  Network made;
  check::Noise noise(seed);
  const auto layer = [&](int inputs, int outputs) {
    for (int i = 0; i < inputs * outputs; ++i) made.weights.push_back(noise() / std::sqrt(static_cast<float>(inputs)));
    for (int i = 0; i < outputs; ++i) made.biases.push_back(0.1f * noise());
  };
  layer(3 * kInputs, kChannels);
  for (std::size_t block = 0; block < kBlocks.size(); ++block) {
    layer(3 * kChannels, kChannels);
    layer(kChannels, kChannels);
  }
  layer(kChannels, kOutputs);
  made.model = std::make_shared<StackModel>(kInputs, kChannels, kOutputs, kBlocks, made.weights, made.biases);
  return made;
}

using Rows = std::vector<std::vector<double>>;

// One linear map, taken from the front of the weights.
Rows dense(const Rows& x, const float*& weights, const float*& biases, int outputs) {
  Rows y;
  const std::size_t inputs = x.empty() ? 0 : x[0].size();
  for (const auto& row : x) {
    std::vector<double> out;
    for (int o = 0; o < outputs; ++o) {
      double sum = biases[o];
      for (std::size_t i = 0; i < inputs; ++i) sum += static_cast<double>(weights[static_cast<std::size_t>(o) * inputs + i]) * row[i];
      out.push_back(sum);
    }
    y.push_back(out);
  }
  weights += static_cast<std::size_t>(outputs) * inputs;
  biases += outputs;
  return y;
}

// What a convolution's three taps see at every row, zeros beyond both ends.
Rows taps(const Rows& x, int dilation, int ahead) {
  Rows seen;
  for (int t = 0; t < static_cast<int>(x.size()); ++t) {
    std::vector<double> row;
    for (int tap = 0; tap < 3; ++tap) {
      const int at = t + (tap - 2 + ahead) * dilation;
      const bool is_inside = at >= 0 && at < static_cast<int>(x.size());
      for (std::size_t i = 0; i < x[0].size(); ++i) row.push_back(is_inside ? x[static_cast<std::size_t>(at)][i] : 0.0);
    }
    seen.push_back(row);
  }
  return seen;
}

Rows rectified(Rows x) {
  for (auto& row : x) {
    for (double& value : row) value = std::max(value, 0.0);
  }
  return x;
}

Rows plainly(const Network& made, const Rows& x) {
  const float* weights = made.weights.data();
  const float* biases = made.biases.data();
  Rows inner = rectified(dense(taps(x, 1, 1), weights, biases, kChannels));
  for (const BlockShape& block : kBlocks) {
    const Rows wide = rectified(dense(taps(inner, block.dilation, block.ahead), weights, biases, kChannels));
    const Rows mixed = dense(wide, weights, biases, kChannels);
    for (std::size_t t = 0; t < inner.size(); ++t) {
      for (std::size_t c = 0; c < inner[t].size(); ++c) inner[t][c] += mixed[t][c];
    }
  }
  return dense(inner, weights, biases, kOutputs);
}

std::vector<float> streamed(ConvolutionStack& stack, const std::vector<float>& x, std::size_t step) {
  std::vector<float> out;
  const std::size_t rows = x.size() / kInputs;
  for (std::size_t at = 0; at < rows; at += step) stack.process(x.data() + at * kInputs, std::min(step, rows - at), out);
  stack.finish(out);
  return out;
}

void test_it_is_the_sum_it_stands_for(std::size_t count) {
  const Network made = network(count + 1);
  check::Noise noise(count + 2);
  std::vector<float> x;
  Rows rows;
  for (std::size_t t = 0; t < count; ++t) {
    rows.emplace_back();
    for (int i = 0; i < kInputs; ++i) {
      x.push_back(noise());
      rows.back().push_back(x.back());
    }
  }
  ConvolutionStack stack(made.model);
  const std::vector<float> whole = streamed(stack, x, std::max<std::size_t>(count, 1));
  CHECK(whole.size() == count * kOutputs);
  const Rows expected = plainly(made, rows);
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t o = 0; o < kOutputs; ++o) CHECK_AT_MOST(std::fabs(whole[t * kOutputs + o] - expected[t][o]), 2e-5);
  }
  for (const std::size_t step : {1u, 2u, 7u, 64u, 65u}) {
    stack.reset();
    CHECK(streamed(stack, x, step) == whole);
  }
}

void test_a_row_waits_for_no_more_than_the_look_ahead() {
  const Network made = network(9);
  ConvolutionStack stack(made.model);
  CHECK(made.model->lookahead_frames() == 1 + 1 + 2);
  const std::vector<float> row(kInputs, 0.5f);
  std::vector<float> out;
  for (std::size_t t = 1; t <= 50; ++t) {
    stack.process(row.data(), 1, out);
    const std::size_t ready = out.size() / kOutputs;
    CHECK(ready + static_cast<std::size_t>(made.model->lookahead_frames()) >= t);
  }
}

void test_weights_that_do_not_fit_are_refused() {
  const Network made = network(3);
  for (const int change : {-1, 1}) {
    std::vector<float> weights = made.weights;
    weights.resize(weights.size() + static_cast<std::size_t>(change));
    bool refused = false;
    try {
      StackModel(kInputs, kChannels, kOutputs, kBlocks, weights, made.biases);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  }
}

}  // namespace

int main() {
  for (const std::size_t count : {0u, 1u, 2u, 5u, 63u, 64u, 65u, 200u}) test_it_is_the_sum_it_stands_for(count);
  test_a_row_waits_for_no_more_than_the_look_ahead();
  test_weights_that_do_not_fit_are_refused();
  return 0;
}
