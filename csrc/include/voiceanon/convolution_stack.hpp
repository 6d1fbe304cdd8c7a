// A small convolutional network over frames, streamed: a convolution, residual blocks, and a linear map.
//
// Frames are rows and channels are lanes, so the order in which a sum is taken does not depend on how many frames came
// at once: any chunking gives the same bits. Each convolution has three taps and its own zeros beyond both ends, as in
// training (voiceanon/training/networks.py).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "voiceanon/aligned.hpp"

namespace voiceanon {

// y = W x + b for many rows x, W packed so that neighbouring outputs are lanes.
class DenseLayer {
 public:
  DenseLayer() = default;
  // weights: outputs x inputs.
  DenseLayer(const float* weights, const float* biases, int inputs, int outputs);

  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }
  // Numbers between two rows of the result: outputs rounded up to whole registers.
  int stride() const { return stride_; }
  void apply(const float* x, std::size_t rows, float* y) const;

 private:
  template <int Rows>
  void apply_rows(const float* x, float* y) const;

  int inputs_ = 0, outputs_ = 0, stride_ = 0;
  AlignedFloats weights_, biases_;
};

struct BlockShape {
  int dilation = 1;
  int ahead = 0;  // taps in the future: 0 or 1
};

// What was learned; many streams share it.
struct StackModel {
  // weights and biases lie one layer after the other: stem, each block's convolution and mixing, top. A convolution's
  // weights are outputs x taps x inputs.
  StackModel(int inputs, int channels, int outputs, std::vector<BlockShape> blocks, const std::vector<float>& weights,
             const std::vector<float>& biases);

  int inputs, channels, outputs;
  std::vector<BlockShape> blocks;
  DenseLayer stem, top;
  std::vector<DenseLayer> convolutions, mixings;

  // Frames of input that must follow a frame before its output is known.
  int lookahead_frames() const;
};

class ConvolutionStack {
 public:
  explicit ConvolutionStack(std::shared_ptr<const StackModel> model);

  void reset();
  // Rows of `inputs` numbers; appends rows of `outputs` that became final.
  void process(const float* rows, std::size_t count, std::vector<float>& out);
  // No more rows will come: appends the rest, so that as many came out as went in.
  void finish(std::vector<float>& out);

  const StackModel& model() const { return *model_; }

 private:
  // What one convolution remembers of its input, zeros before the first row.
  struct Memory {
    int width = 0, behind = 0, ahead = 0, dilation = 1;
    std::vector<float> rows;
    void reset();
    std::size_t ready() const;
  };

  void push(std::size_t level, const float* rows, std::size_t count, std::size_t stride, std::vector<float>& out);
  void advance(std::size_t level, std::vector<float>& out);

  std::shared_ptr<const StackModel> model_;
  std::vector<Memory> memories_;  // of the stem and of each block
  AlignedFloats gathered_, wide_, mixed_;
};

}  // namespace voiceanon
