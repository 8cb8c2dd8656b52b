// Vectors of float32, bfloat16 and float16, the indices of packed weights, and the inputs that they pick.
#pragma once
#include <algorithm>
#include "../../sparsity/kernels/lanes.h"

using F = Vec<float>;
using I = Vec<int32_t>;
constexpr int L = LANES<float>, ROWS = 16, HALVES = ROWS / L;
struct Bf16 { uint16_t bits; };
struct Half { uint16_t bits; };
typedef uint16_t Shorts __attribute__((vector_size(L * 2)));
typedef uint8_t Chars __attribute__((vector_size(L)));

// L bytes or shorts as 32-bit integers, and back. GCC 12 converts bytes, and any vector of 64 bytes, lane by lane.
#if defined(PGF_AVX512)
INLINE Vec<uint32_t> wider(const uint8_t *p) {
  return cast<Vec<uint32_t>>(_mm512_cvtepu8_epi32(load<__m128i>(p)));
}
INLINE Vec<uint32_t> wider(const uint16_t *p) {
  return cast<Vec<uint32_t>>(_mm512_cvtepu16_epi32(load<__m256i>(p)));
}
INLINE Shorts shorter(Vec<uint32_t> v) { return cast<Shorts>(_mm512_cvtepi32_epi16(cast<__m512i>(v))); }
#else
INLINE Vec<uint32_t> wider(const uint8_t *p) {
#if defined(__AVX2__)
  return cast<Vec<uint32_t>>(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#else
  return __builtin_convertvector(load<Chars>(p), Vec<uint32_t>);
#endif
}
INLINE Vec<uint32_t> wider(const uint16_t *p) {
  return __builtin_convertvector(load<Shorts>(p), Vec<uint32_t>);
}
INLINE Shorts shorter(Vec<uint32_t> v) { return __builtin_convertvector(v, Shorts); }
#endif

INLINE F splat(float v) { return v - F{}; } // v + F{} would cost an addition: it turns -0 into 0
INLINE float wide(float v) { return v; }
INLINE float wide(Bf16 v) { const uint32_t u = uint32_t(v.bits) << 16; return load<float>(&u); }
INLINE F wide(const float *p) { return load<F>(p); }
INLINE F wide(const Bf16 *p) { return cast<F>(wider(&p->bits) << 16); }
INLINE void narrow(F v, float *p) { store(p, v); }
INLINE void narrow(F v, Bf16 *p) { // to nearest even
  const Vec<uint32_t> u = cast<Vec<uint32_t>>(v), odd = (u >> 16) & 1;
  const Vec<uint32_t> bits = v == v ? (u + 0x7fff + odd) >> 16 : Vec<uint32_t>{} + 0x7fc0;
  store(p, shorter(bits));
}
#if defined(PGF_AVX512)
INLINE F wide(const Half *p) { return (F)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE void narrow(F v, Half *p) { store(p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT)); }
#elif defined(__F16C__)
INLINE F wide(const Half *p) { return (F)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
INLINE void narrow(F v, Half *p) { store(p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT)); }
#else
INLINE F wide(const Half *p) {
  const Vec<uint32_t> u = wider(&p->bits), sign = (u & 0x8000) << 16;
  const F magnitude = cast<F>((u & 0x7fff) << 13) * 0x1p112f; // the exponents' biases are 112 apart
  const Vec<uint32_t> bits = cast<Vec<uint32_t>>(magnitude);
  return cast<F>(sign | ((u & 0x7c00) == 0x7c00 ? bits | 0x7f800000 : bits));
}
INLINE void narrow(F v, Half *p) { // to nearest even
  const Vec<uint32_t> u = cast<Vec<uint32_t>>(v), sign = (u >> 16) & 0x8000, size = u & 0x7fffffff;
  const Vec<uint32_t> small = cast<Vec<uint32_t>>(cast<F>(size) + 0.5f) - 0x3f000000; // subnormal
  const Vec<uint32_t> normal = (size - 0x38000000 + 0xfff + ((size >> 13) & 1)) >> 13;
  const Vec<uint32_t> beyond = size > 0x7f800000 ? Vec<uint32_t>{} + 0x7e00 : Vec<uint32_t>{} + 0x7c00;
  const Vec<uint32_t> bits = size >= 0x47800000 ? beyond : size < 0x38800000 ? small : normal;
  store(p, shorter(bits | sign));
}
#endif
INLINE float wide(Half v) {
#if defined(__F16C__)
  return _cvtsh_ss(v.bits);
#else
  Half all[L] = {v};
  return wide(all)[0];
#endif
}
template <class T> INLINE void narrow(F v, T *p, int count) {
  T all[L];
  narrow(v, all);
  for (int l = 0; l < std::min(count, L); l++) p[l] = all[l];
}
INLINE F of_rows(const float *bias, int64_t count) { // that many of the bias, the others 0
  F some{};
  if (bias && count >= L) return load<F>(bias);
  for (int l = 0; bias && l < count; l++) some[l] = bias[l];
  return some;
}

// ---- indices of a line: nibbles of two 32-bit words in turn, or bytes

template <int BITS> struct Line;
template <> struct Line<4> {
  static constexpr int SIZE = 8;
  static INLINE I indices(const uint8_t *p, int half) {
    Vec<uint32_t> shift;
    for (int l = 0; l < L; l++) shift[l] = 4 * ((half * L + l) / 2);
    return cast<I>((cast<Vec<uint32_t>>(Vec<int64_t>{} + load<int64_t>(p)) >> shift) & 15);
  }
};
template <> struct Line<8> {
  static constexpr int SIZE = 16;
  static INLINE I indices(const uint8_t *p, int half) {
    return cast<I>(wider(p + half * L));
  }
};

// ---- the inputs of a group, of which every lane picks one

// M floats, in one register (repeated, so that it is full), two or four
template <int M> struct Group {
  static constexpr int PARTS = M > L ? M / L : 1;
  F part[PARTS];
  INLINE Group(const float *x, int m) {
    if constexpr (M >= L)
      for (int i = 0; i < PARTS; i++) part[i] = load<F>(x + i * L);
#if defined(PGF_AVX512)
    else if (m == 4) part[0] = (F)_mm512_broadcast_f32x4(_mm_loadu_ps(x));
    else if (m == 8) part[0] = (F)_mm512_broadcast_f32x8(_mm256_loadu_ps(x));
#elif defined(__AVX2__)
    else if (m == 4) part[0] = (F)_mm256_broadcast_ps((const __m128 *)x);
#endif
    else
      for (int l = 0; l < L; l++) part[0][l] = x[l % m];
  }
  INLINE F pick(const uint8_t *, I index) const {
    if constexpr (PARTS == 1) return permuted(part[0], index);
    else if constexpr (PARTS == 2) return of_two(part[0], part[1], index);
    else return (index & 2 * L) != 0 ? of_two(part[2], part[3], index) : of_two(part[0], part[1], index);
  }
  static INLINE F permuted(F a, I index) {
#if defined(PGF_AVX512)
    return (F)_mm512_permutexvar_ps((__m512i)index, (__m512)a);
#elif defined(__AVX2__)
    return (F)_mm256_permutevar8x32_ps((__m256)a, (__m256i)index);
#else
    return __builtin_shuffle(a, index);
#endif
  }
  static INLINE F of_two(F a, F b, I index) {
#if defined(PGF_AVX512)
    return (F)_mm512_permutex2var_ps((__m512)a, (__m512i)index, (__m512)b);
#elif defined(__AVX2__) // by the sign bit
    return (F)_mm256_blendv_ps((__m256)permuted(a, index), (__m256)permuted(b, index), (__m256)(index << 28));
#else
    return (index & L) != 0 ? permuted(b, index) : permuted(a, index);
#endif
  }
};
template <> struct Group<0> { // of any size
  const float *x;
  INLINE Group(const float *x, int) : x(x) {}
  INLINE F pick(const uint8_t *bytes, I index) const {
#if defined(PGF_AVX512)
    (void)bytes;
    return (F)_mm512_i32gather_ps((__m512i)index, x, 4);
#elif defined(__AVX2__) // half the time of a gather on Zen 3
    if (bytes) {
      const __m128 low = _mm_set_ps(x[bytes[3]], x[bytes[2]], x[bytes[1]], x[bytes[0]]);
      const __m128 high = _mm_set_ps(x[bytes[7]], x[bytes[6]], x[bytes[5]], x[bytes[4]]);
      return (F)_mm256_set_m128(high, low);
    }
    return (F)_mm256_i32gather_ps(x, (__m256i)index, 4);
#else
    (void)bytes;
    F found;
    for (int l = 0; l < L; l++) found[l] = x[index[l]];
    return found;
#endif
  }
};
