// Units in, rows that a pseudo-voice speaks out; see content_encoder.hpp for what a unit's frame holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "voiceanon/content_encoder.hpp"

namespace voiceanon {

class ContentDecoder {
 public:
  // `voice`: who speaks, as many numbers as the decoder was trained with; all zero is nobody in particular.
  ContentDecoder(std::shared_ptr<const BottleneckModel> model, std::vector<float> voice);

  void reset();
  // Frames of ContentEncoder; appends description rows of SpeakerRemoval's layout.
  void process(const float* frames, std::size_t count, std::vector<float>& rows);
  void finish(std::vector<float>& rows);

  int frame_size() const { return model_->digits() + 3; }
  int row_size() const { return 3 + model_->voices->values; }
  int lookahead_rows() const;

 private:
  void hand_out(bool is_over, std::vector<float>& rows);
  float pitch_at(std::int64_t frame, int row) const;

  std::shared_ptr<const BottleneckModel> model_;
  std::vector<float> voice_;
  ConvolutionStack network_;
  std::vector<float> input_;
  std::vector<float> made_;       // what the network gave and is not handed out
  std::vector<float> prosody_;    // voiced, level, pitch of frames from first_ on
  std::int64_t first_ = 0, taken_ = 0, given_ = 0;
};

}  // namespace voiceanon
