// Speaker-removed rows in, units out: what is said, as a few digits every 20 ms that everybody shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "voiceanon/convolution_stack.hpp"
#include "voiceanon/template_model.hpp"

namespace voiceanon {

inline constexpr int kRowsPerUnit = 4;       // rows of 5 ms in a frame of 20 ms
inline constexpr float kLevelStepDb = 6.0f;  // of the level that a frame keeps
inline constexpr float kPauseStep = -8.0f;    // of all frames where nobody speaks: a room says who records there
inline constexpr float kSilentStep = -20.0f; // the frame is digitally silent

// The tables of voiceanon/models/bottleneck.npz.
struct BottleneckModel {
  std::shared_ptr<const TemplateModel> voices;    // whose values the rows hold
  // The encoder's last output, after the digits' places: above 0 nobody speaks.
  std::shared_ptr<const StackModel> encoder, decoder;
  std::vector<int> levels;                        // odd, one a digit
  std::vector<float> input_mean, input_scale;     // of the template's plain values

  int digits() const { return static_cast<int>(levels.size()); }
  int voice_size() const { return decoder->inputs - digits() - 2; }
  // Throws std::invalid_argument where the parts do not fit each other.
  void check() const;
};

struct EncoderSettings {
  int digits = 6;         // of a unit that are kept; the others are zero
  int pitch_levels = 4;   // steps over +-2.5 deviations; 0 keeps pitch as it is
  int level_steps = 1;    // of 6 dB, that level is kept in
  // Of every digit a shift, then a share of each digit, added before rounding; empty: none.
  std::vector<float> accent;
};

// Frame layout: digits, each a whole number around 0 | voiced (0 or 1) | level in steps of 6 dB | pitch in deviations.
// In a pause, more than 39 dB below active speech or nobody speaking, a frame has no digits, no voice, and the level of
// all pauses.
class ContentEncoder {
 public:
  ContentEncoder(std::shared_ptr<const BottleneckModel> model, const EncoderSettings& settings);

  void reset();
  // Rows of SpeakerRemoval; appends the frames that became final.
  void process(const float* rows, std::size_t count, std::vector<float>& frames);
  // Appends the rest: one frame for every four rows begun.
  void finish(std::vector<float>& frames);

  int row_size() const { return 3 + model_->voices->values; }
  int frame_size() const { return model_->digits() + 3; }
  int lookahead_rows() const { return kRowsPerUnit * (model_->encoder->lookahead_frames() + 1); }

 private:
  void take_frame();
  void hear();
  void hand_out(std::vector<float>& frames);
  void speak_otherwise(const float* bounded, float* accented) const;

  std::shared_ptr<const BottleneckModel> model_;
  EncoderSettings settings_;
  ConvolutionStack network_;
  std::vector<float> rows_;      // of a frame that is not whole yet
  std::vector<float> input_;     // of whole frames that the network has not heard
  std::vector<float> prosody_;   // voiced, level, pitch of frames that are in the network
  std::vector<float> places_;    // what the network gave: digits, and whether it is a pause
  std::vector<float> said_;      // a frame's places within +-1, and with the accent
};

}  // namespace voiceanon
