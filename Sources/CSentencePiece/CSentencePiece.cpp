#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>

struct CSentencePieceModel {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {
void tell(std::string_view text, char *problem, size_t capacity) noexcept {
  if (capacity == 0) return;
  const size_t count = std::min(text.size(), capacity - 1);
  std::memcpy(problem, text.data(), count);
  problem[count] = 0;
}
}  // namespace

CSentencePieceModel *csentencepiece_read(const void *bytes, size_t count, char *problem, size_t capacity) {
  try {
    auto model = std::make_unique<CSentencePieceModel>();
    const auto status =
        model->processor.LoadFromSerializedProto(std::string_view(static_cast<const char *>(bytes), count));
    if (status.ok()) return model.release();
    tell(status.error_message(), problem, capacity);
  } catch (const std::exception &error) {
    tell(error.what(), problem, capacity);
  } catch (...) {
    tell("an unknown failure", problem, capacity);
  }
  return nullptr;
}

void csentencepiece_free(CSentencePieceModel *model) { delete model; }

int32_t csentencepiece_count(const CSentencePieceModel *model) { return model->processor.GetPieceSize(); }

const char *csentencepiece_text(const CSentencePieceModel *model, int32_t id, size_t *count) {
  const std::string &text = model->processor.IdToPiece(id);
  *count = text.size();
  return text.data();
}

float csentencepiece_score(const CSentencePieceModel *model, int32_t id) { return model->processor.GetScore(id); }
