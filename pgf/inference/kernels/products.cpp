// Products with packed N:M weights on CPUs; see native.py, which builds and calls it.
//
// Rows stand in blocks of 16. Every kept weight of a group is a line of 16 values and 16 indices within
// the group. One token: lanes are rows, and each picks its input of the group. Several tokens: lanes are
// tokens; inputs are transposed once, and a kept weight adds a multiple of one input to its row.
// Inputs that no row keeps are never read. Sums are float32.
#include "picking.h"

// ---- one token

template <class T, int M, int BITS>
void one_token(const T *values, const uint8_t *indices, const float *x, const float *bias, T *y,
               int64_t rows, int64_t groups, int n, int m) {
  for (int64_t row = 0; row < rows; row += ROWS) {
    F sum[2][HALVES] = {}; // two, so that sums wait less for each other
    const auto add = [&](const Group<M> &group, F *into) __attribute__((always_inline)) {
#pragma GCC unroll 2
      for (int half = 0; half < HALVES; half++) {
        const uint8_t *bytes = BITS == 8 ? indices + half * L : nullptr;
        into[half] += wide(values + half * L) * group.pick(bytes, Line<BITS>::indices(indices, half));
      }
      values += ROWS, indices += Line<BITS>::SIZE;
    };
    int64_t g = 0;
    for (; n == 1 && g + 2 <= groups; g += 2) {
      add(Group<M>(x + g * m, m), sum[0]);
      add(Group<M>(x + (g + 1) * m, m), sum[1]);
    }
    for (; g < groups; g++) {
      const Group<M> group(x + g * m, m);
      int i = 0;
      for (; i + 2 <= n; i += 2) add(group, sum[0]), add(group, sum[1]);
      if (i < n) add(group, sum[0]);
    }
    for (int half = 0; half < HALVES; half++) {
      const int64_t r = row + half * L, left = rows - r;
      const F total = sum[0][half] + sum[1][half] + of_rows(bias ? bias + r : nullptr, left);
      if (left >= L) narrow(total, y + r);
      else narrow(total, y + r, int(left));
    }
  }
}

template <class T>
void any_token(const T *values, const uint8_t *indices, const float *x, const float *bias, T *y,
               int64_t rows, int64_t groups, int n, int m) {
  const auto call = [&](auto kernel) { kernel(values, indices, x, bias, y, rows, groups, n, m); };
  if (m == 2 || m == 4) call(one_token<T, 4, 4>);
  else if (m == 8) call(one_token<T, 8, 4>);
  else if (m == 16) call(one_token<T, 16, 4>);
  else if (m < 16) call(one_token<T, 0, 4>);
#if defined(PGF_AVX512)
  else if (m == 32) call(one_token<T, 32, 8>);
  else if (m == 64) call(one_token<T, 64, 8>);
#endif
  else call(one_token<T, 0, 8>);
}

// ---- several tokens, a tile of V vectors of them at a time

constexpr int NEAR = 4096, BLOCKS = 4; // floats of inputs in the nearest cache, and blocks that share them
constexpr int MOST_LINES = 256;        // of a group: N < M <= 256

// Inputs (tokens, width) as (width, V, L); tokens that are not there are 0.
template <class T> void turn(const T *x, float *turned, int64_t tokens, int64_t width, int vectors) {
  const int64_t step = int64_t(vectors) * L;
  for (int v = 0; v < vectors; v++) {
    const int64_t here = std::min<int64_t>(L, tokens - int64_t(v) * L);
    const T *from = x + int64_t(v) * L * width;
    float *to = turned + v * L;
    int64_t w = 0;
    for (; here == L && w + L <= width; w += L) {
      I square[L];
#pragma GCC unroll 16
      for (int l = 0; l < L; l++) square[l] = cast<I>(wide(from + l * width + w));
      transpose<int32_t, L>(square);
#pragma GCC unroll 16
      for (int l = 0; l < L; l++) store(to + (w + l) * step, square[l]);
    }
    for (; w < width; w++)
      for (int l = 0; l < L; l++) to[w * step + l] = l < here ? wide(from[l * width + w]) : 0.0f;
  }
}

// Sums (16 rows, V, L) of a block to outputs (tokens, stride)
template <class T, int V>
INLINE void put(const float (*sums)[V * L], T *y, int64_t tokens, int64_t rows, int64_t stride) {
  for (int v = 0; v < V; v++) {
    I square[HALVES][L];
    for (int half = 0; half < HALVES; half++) {
#pragma GCC unroll 16
      for (int l = 0; l < L; l++) square[half][l] = load<I>(&sums[half * L + l][v * L]);
      transpose<int32_t, L>(square[half]);
    }
    const int64_t here = std::min<int64_t>(L, tokens - v * L);
    for (int l = 0; l < here; l++)
      for (int half = 0; half < HALVES && half * L < rows; half++) {
        T *to = y + (v * L + l) * stride + half * L;
        const int64_t left = rows - half * L;
        if (left >= L) narrow(cast<F>(square[half][l]), to);
        else narrow(cast<F>(square[half][l]), to, int(left));
      }
  }
}

template <class T, int V, int BITS>
void tile(const T *values, const uint8_t *indices, const float *turned, const float *bias, T *y,
          int64_t tokens, int64_t rows, int64_t stride, int64_t groups, int n, int m) {
  constexpr int STEP = V * L, TOGETHER = V <= 4 ? 2 : 1; // rows at once: sums stay in registers
  alignas(64) float sums[BLOCKS * ROWS][STEP];
  alignas(64) int32_t offsets[MOST_LINES][ROWS];
  // Where little is kept, inputs are used too seldom for a chunk of them to pay.
  const int64_t fitting = n * 8 >= m ? std::min(NEAR / (STEP * m), MOST_LINES / n) : MOST_LINES / n;
  const int64_t chunk = std::max<int64_t>(1, fitting);
  for (int64_t first = 0; first < rows; first += BLOCKS * ROWS) {
    const int blocks = int(std::min<int64_t>(BLOCKS, (rows - first + ROWS - 1) / ROWS));
    // Processors do not fetch ahead outputs that lie a whole row apart.
    for (int64_t t = 0; t < tokens; t++)
      for (int b = 0; b < blocks; b++) __builtin_prefetch(y + t * stride + first + b * ROWS, 1);
    for (int64_t g = 0; g < groups; g += chunk) {
      const int64_t here = std::min(chunk, groups - g);
      for (int b = 0; b < blocks; b++) {
        const int64_t line = ((first / ROWS + b) * groups + g) * n;
        const uint8_t *index = indices + line * Line<BITS>::SIZE;
        for (int64_t k = 0; k < here * n; k++, index += Line<BITS>::SIZE)
          for (int half = 0; half < HALVES; half++)
            store(&offsets[k][half * L], (Line<BITS>::indices(index, half) + int32_t(k / n * m)) * STEP);
        for (int r = 0; r < ROWS; r += TOGETHER) {
          F sum[TOGETHER][V];
#pragma GCC unroll 2
          for (int t = 0; t < TOGETHER; t++) {
            const int64_t row = b * ROWS + r + t;
            const F begin = splat(bias && first + row < rows ? bias[first + row] : 0.0f);
#pragma GCC unroll 8
            for (int v = 0; v < V; v++) sum[t][v] = g ? load<F>(&sums[row][v * L]) : begin;
          }
          const T *value = values + line * ROWS + r;
          for (int64_t k = 0; k < here * n; k++, value += ROWS)
#pragma GCC unroll 2
            for (int t = 0; t < TOGETHER; t++) {
              const float *x = turned + g * m * STEP + offsets[k][r + t];
              const F w = splat(wide(value[t]));
#pragma GCC unroll 8
              for (int v = 0; v < V; v++) sum[t][v] += w * load<F>(x + v * L);
            }
#pragma GCC unroll 2
          for (int t = 0; t < TOGETHER; t++)
#pragma GCC unroll 8
            for (int v = 0; v < V; v++) store(&sums[b * ROWS + r + t][v * L], sum[t][v]);
        }
      }
    }
    for (int b = 0; b < blocks; b++)
      put<T, V>(sums + b * ROWS, y + first + b * ROWS, tokens, rows - first - b * ROWS, stride);
  }
}

template <class T, int BITS>
void tiles(const T *values, const uint8_t *indices, const float *turned, const float *bias, T *y,
           int64_t tokens, int64_t rows, int64_t stride, int64_t groups, int n, int m, int vectors) {
  const auto call = [&](auto kernel) {
    kernel(values, indices, turned, bias, y, tokens, rows, stride, groups, n, m);
  };
  if (vectors == 1) call(tile<T, 1, BITS>);
  else if (vectors == 2) call(tile<T, 2, BITS>);
  else if (vectors == 4) call(tile<T, 4, BITS>);
  else if (vectors == 6) call(tile<T, 6, BITS>);
  else call(tile<T, 8, BITS>);
}

// `rows`, `bias` and `y` are those of the part that a thread does; values and indices begin with it.
extern "C" int pgf_lanes() { return L; }
#define PRODUCTS(NAME, T)                                                                           \
  extern "C" void pgf_one_##NAME(const T *values, const uint8_t *indices, const float *x,           \
      const float *bias, T *y, int64_t rows, int64_t groups, int n, int m) {                        \
    any_token(values, indices, x, bias, y, rows, groups, n, m);                                     \
  }                                                                                                 \
  extern "C" void pgf_turn_##NAME(const T *x, float *turned, int64_t tokens, int64_t width, int vectors) { \
    turn(x, turned, tokens, width, vectors);                                                        \
  }                                                                                                 \
  extern "C" void pgf_many_##NAME(const T *values, const uint8_t *indices, const float *turned,     \
      const float *bias, T *y, int64_t tokens, int64_t rows, int64_t stride, int64_t groups, int n, \
      int m, int vectors) {                                                                         \
    const auto call = m <= 16 ? tiles<T, 4> : tiles<T, 8>;                                          \
    call(values, indices, turned, bias, y, tokens, rows, stride, groups, n, m, vectors);            \
  }
PRODUCTS(float32, float)
PRODUCTS(bfloat16, Bf16)
PRODUCTS(float16, Half)
