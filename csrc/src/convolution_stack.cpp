// The network of convolution_stack.hpp.
#include "voiceanon/convolution_stack.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "voiceanon/lanes.hpp"

namespace voiceanon {
namespace {

constexpr int kTaps = 3;
constexpr int kRegisters = 2;                    // of outputs, side by side
constexpr int kPack = kRegisters * kLanes;
constexpr std::size_t kRowsAtOnce = 64;          // rows that share one reading of the weights
constexpr int kMostUnits = 65536;

int whole_packs(int outputs) { return (outputs + kPack - 1) / kPack * kPack; }

}  // namespace

DenseLayer::DenseLayer(const float* weights, const float* biases, int inputs, int outputs)
    : inputs_(inputs),
      outputs_(outputs),
      stride_(whole_packs(outputs)),
      weights_(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(inputs)),
      biases_(static_cast<std::size_t>(stride_)) {
  std::fill_n(weights_.data(), static_cast<std::size_t>(stride_) * static_cast<std::size_t>(inputs), 0.0f);
  std::fill_n(biases_.data(), static_cast<std::size_t>(stride_), 0.0f);
  for (int output = 0; output < outputs; ++output) {
    biases_.data()[output] = biases[output];
    float* pack = weights_.data() + static_cast<std::ptrdiff_t>(output / kPack) * kPack * inputs + output % kPack;
    for (int input = 0; input < inputs; ++input) pack[static_cast<std::ptrdiff_t>(input) * kPack] = weights[static_cast<std::ptrdiff_t>(output) * inputs + input];
  }
}

template <int Rows>
void DenseLayer::apply_rows(const float* x, float* y) const {
  const Lanes* weights = weights_.lanes();
  const Lanes* biases = biases_.lanes();
  for (int pack = 0; pack < stride_ / kPack; ++pack) {
    Lanes sums[Rows][kRegisters];
    for (int row = 0; row < Rows; ++row) {
      for (int r = 0; r < kRegisters; ++r) sums[row][r] = biases[pack * kRegisters + r];
    }
    for (int input = 0; input < inputs_; ++input, weights += kRegisters) {
      for (int row = 0; row < Rows; ++row) {
        const Lanes value = splat(x[static_cast<std::ptrdiff_t>(row) * inputs_ + input]);
        for (int r = 0; r < kRegisters; ++r) sums[row][r] += weights[r] * value;
      }
    }
    for (int row = 0; row < Rows; ++row) {
      Lanes* out = reinterpret_cast<Lanes*>(y + static_cast<std::ptrdiff_t>(row) * stride_) + pack * kRegisters;
      for (int r = 0; r < kRegisters; ++r) out[r] = sums[row][r];
    }
  }
}

void DenseLayer::apply(const float* x, std::size_t rows, float* y) const {
  const auto in = static_cast<std::size_t>(inputs_), out = static_cast<std::size_t>(stride_);
  std::size_t row = 0;
  for (; row + 6 <= rows; row += 6) apply_rows<6>(x + row * in, y + row * out);
  for (; row + 2 <= rows; row += 2) apply_rows<2>(x + row * in, y + row * out);
  for (; row < rows; ++row) apply_rows<1>(x + row * in, y + row * out);
}

StackModel::StackModel(int inputs, int channels, int outputs, std::vector<BlockShape> shapes, const std::vector<float>& weights,
                       const std::vector<float>& biases)
    : inputs(inputs), channels(channels), outputs(outputs), blocks(std::move(shapes)) {
  for (const int size : {inputs, channels, outputs}) {
    if (size < 1 || size > kMostUnits) throw std::invalid_argument("a network has 1 to 65536 inputs, channels and outputs");
  }
  for (const BlockShape& block : blocks) {
    if (block.dilation < 1 || block.dilation > 64 || block.ahead < 0 || block.ahead > 1) {
      throw std::invalid_argument("a block's dilation is 1 to 64 and 0 or 1 of its taps lie ahead");
    }
  }
  std::size_t weight = 0, bias = 0;
  const auto next = [&](int from, int to) {
    const std::size_t size = static_cast<std::size_t>(from) * static_cast<std::size_t>(to);
    if (weight + size > weights.size() || bias + static_cast<std::size_t>(to) > biases.size()) {
      throw std::invalid_argument("the network has fewer weights than its shape needs");
    }
    DenseLayer layer(weights.data() + weight, biases.data() + bias, from, to);
    weight += size;
    bias += static_cast<std::size_t>(to);
    return layer;
  };
  stem = next(kTaps * inputs, channels);
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    convolutions.push_back(next(kTaps * channels, channels));
    mixings.push_back(next(channels, channels));
  }
  top = next(channels, outputs);
  if (weight != weights.size() || bias != biases.size()) throw std::invalid_argument("the network has more weights than its shape needs");
}

int StackModel::lookahead_frames() const {
  int frames = 1;  // the stem's
  for (const BlockShape& block : blocks) frames += block.ahead * block.dilation;
  return frames;
}

void ConvolutionStack::Memory::reset() { rows.assign(static_cast<std::size_t>(behind) * static_cast<std::size_t>(width), 0.0f); }

std::size_t ConvolutionStack::Memory::ready() const {
  const std::size_t held = rows.size() / static_cast<std::size_t>(width);
  const auto needed = static_cast<std::size_t>(behind + ahead);
  return held > needed ? held - needed : 0;
}

ConvolutionStack::ConvolutionStack(std::shared_ptr<const StackModel> model) : model_(std::move(model)) {
  memories_.push_back({model_->inputs, 1, 1, 1, {}});
  for (const BlockShape& block : model_->blocks) {
    memories_.push_back({model_->channels, (kTaps - 1 - block.ahead) * block.dilation, block.ahead * block.dilation, block.dilation, {}});
  }
  const int widest = std::max(model_->inputs, model_->channels);
  const int stride = std::max({model_->stem.stride(), model_->top.stride(), model_->channels});
  gathered_ = AlignedFloats(kRowsAtOnce * static_cast<std::size_t>(kTaps * widest));
  wide_ = AlignedFloats(kRowsAtOnce * static_cast<std::size_t>(stride));
  mixed_ = AlignedFloats(kRowsAtOnce * static_cast<std::size_t>(stride));
  reset();
}

void ConvolutionStack::reset() {
  for (Memory& memory : memories_) memory.reset();
}

void ConvolutionStack::process(const float* rows, std::size_t count, std::vector<float>& out) {
  const auto width = static_cast<std::size_t>(model_->inputs);
  for (std::size_t at = 0; at < count; at += kRowsAtOnce) {
    push(0, rows + at * width, std::min(kRowsAtOnce, count - at), width, out);
  }
}

void ConvolutionStack::finish(std::vector<float>& out) {
  for (std::size_t level = 0; level < memories_.size(); ++level) {
    Memory& memory = memories_[level];
    memory.rows.resize(memory.rows.size() + static_cast<std::size_t>(memory.ahead * memory.width), 0.0f);
    advance(level, out);
  }
}

// Hands rows to a convolution, or, past the last one, through the linear map to the caller.
void ConvolutionStack::push(std::size_t level, const float* rows, std::size_t count, std::size_t stride, std::vector<float>& out) {
  if (level < memories_.size()) {
    Memory& memory = memories_[level];
    for (std::size_t i = 0; i < count; ++i, rows += stride) memory.rows.insert(memory.rows.end(), rows, rows + memory.width);
    advance(level, out);
    return;
  }
  const auto channels = static_cast<std::size_t>(model_->channels);
  for (std::size_t i = 0; i < count; ++i) std::memcpy(gathered_.data() + i * channels, rows + i * stride, channels * sizeof(float));
  model_->top.apply(gathered_.data(), count, wide_.data());
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = wide_.data() + i * static_cast<std::size_t>(model_->top.stride());
    out.insert(out.end(), row, row + model_->outputs);
  }
}

// Computes every output of a convolution that its memory allows, and passes it on.
void ConvolutionStack::advance(std::size_t level, std::vector<float>& out) {
  Memory& memory = memories_[level];
  const DenseLayer& layer = level == 0 ? model_->stem : model_->convolutions[level - 1];
  const auto width = static_cast<std::size_t>(memory.width), channels = static_cast<std::size_t>(model_->channels);
  const std::size_t all = memory.ready();
  for (std::size_t first = 0; first < all; first += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, all - first);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t tap = 0; tap < kTaps; ++tap) {
        const float* from = memory.rows.data() + (first + i + tap * static_cast<std::size_t>(memory.dilation)) * width;
        std::memcpy(gathered_.data() + (i * kTaps + tap) * width, from, width * sizeof(float));
      }
    }
    layer.apply(gathered_.data(), count, wide_.data());
    const auto stride = static_cast<std::size_t>(layer.stride());
    for (std::size_t i = 0; i < count * stride; ++i) wide_.data()[i] = std::max(wide_.data()[i], 0.0f);
    if (level > 0) {
      const DenseLayer& mixing = model_->mixings[level - 1];
      for (std::size_t i = 0; i < count; ++i) std::memmove(gathered_.data() + i * channels, wide_.data() + i * stride, channels * sizeof(float));
      mixing.apply(gathered_.data(), count, mixed_.data());
      for (std::size_t i = 0; i < count; ++i) {
        const float* came = memory.rows.data() + (first + i + static_cast<std::size_t>(memory.behind)) * width;
        float* mixed = mixed_.data() + i * stride;
        for (std::size_t c = 0; c < channels; ++c) mixed[c] += came[c];
      }
    }
    // The next level works in the same scratch: what it is given must lie elsewhere.
    std::vector<float> given((level == 0 ? wide_ : mixed_).data(), (level == 0 ? wide_ : mixed_).data() + count * stride);
    push(level + 1, given.data(), count, stride, out);
  }
  memory.rows.erase(memory.rows.begin(), memory.rows.begin() + static_cast<std::ptrdiff_t>(all * width));
}

}  // namespace voiceanon
