// Vectors of weights: keys, decay, masks as bits; one text for AVX-512, AVX2 and NEON.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define PGF_AVX512
constexpr int BYTES = 64;
#else
constexpr int BYTES = 32;
#endif
#define INLINE inline __attribute__((always_inline))

constexpr int LONGEST = 256; // M

template <class T> struct VecOf { typedef T type __attribute__((vector_size(BYTES))); };
template <class T> using Vec = typename VecOf<T>::type;
template <class K> constexpr int LANES = BYTES / sizeof(K);

template <class V> INLINE V load(const void *p) { V v; std::memcpy(&v, p, sizeof v); return v; }
template <class V> INLINE void store(void *p, V v) { std::memcpy(p, &v, sizeof v); }
template <class To, class From> INLINE To cast(From v) { return load<To>(&v); }

// ---- keys: integers that order as magnitudes do; all NaN alike, right above infinity

template <class K> constexpr K MAGNITUDE = sizeof(K) == 4 ? 0x7fffffff : 0x7fff;
template <class K> constexpr K NOT_A_NUMBER = sizeof(K) == 4 ? 0x7f800001 : 0x7f81;

template <class K> inline K key_of(K bits) {
  const K k = bits & MAGNITUDE<K>;
  return k < NOT_A_NUMBER<K> ? k : NOT_A_NUMBER<K>;
}

// ---- D * w as torch computes it: bfloat16 through float, rounded to nearest even

INLINE Vec<int32_t> decayed(Vec<int32_t> bits, float d) {
  return cast<Vec<int32_t>>(cast<Vec<float>>(bits) * d);
}
INLINE Vec<uint32_t> rounded(Vec<uint32_t> u, float d) { // the result is in the upper half
  u = cast<Vec<uint32_t>>(cast<Vec<float>>(u) * d);
  return u + 0x7fff + ((u >> 16) & 1);
}
INLINE Vec<int16_t> decayed(Vec<int16_t> bits, float d) {
  if (d == 0.0f) {
    const Vec<int16_t> zero = bits & int16_t(0x8000), nan = Vec<int16_t>{} + int16_t(0x7fc0);
    return (bits & MAGNITUDE<int16_t>) >= int16_t(0x7f80) ? nan : zero;
  }
  const Vec<uint32_t> pairs = cast<Vec<uint32_t>>(bits);
  const Vec<uint32_t> even = rounded(pairs << 16, d), odd = rounded(pairs & 0xffff0000u, d);
  const Vec<int16_t> product = cast<Vec<int16_t>>((odd & 0xffff0000u) | (even >> 16));
  // Rounding carries some NaN over.
  return (bits & MAGNITUDE<int16_t>) > int16_t(0x7f80) ? Vec<int16_t>{} + int16_t(0x7fc0) : product;
}

// ---- masks: a bit per lane where the processor has it so, else a vector of zeros and ones

#if defined(PGF_AVX512)
template <class K> struct MaskOf { typedef __mmask16 type; };
template <> struct MaskOf<int16_t> { typedef __mmask32 type; };
template <class K> using Mask = typename MaskOf<K>::type;

template <class K> INLINE Mask<K> reaches(Vec<K> a, Vec<K> b) {
  if constexpr (sizeof(K) == 4) return _mm512_cmpge_epi32_mask((__m512i)a, (__m512i)b);
  else return _mm512_cmpge_epi16_mask((__m512i)a, (__m512i)b);
}
template <class K> INLINE Vec<K> pick(Mask<K> mask, Vec<K> yes, Vec<K> no) {
  if constexpr (sizeof(K) == 4) return (Vec<K>)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes);
  else return (Vec<K>)_mm512_mask_blend_epi16(mask, (__m512i)no, (__m512i)yes);
}
template <class K> INLINE void put_bits(uint8_t *bits, Mask<K> mask) { store(bits, mask); }
template <class K> INLINE Mask<K> get_bits(const uint8_t *bits) { return load<Mask<K>>(bits); }
template <class K> INLINE int count(Mask<K> mask) { return __builtin_popcount(mask); }
#else
template <class K> using Mask = Vec<K>;

template <class K> INLINE Mask<K> reaches(Vec<K> a, Vec<K> b) { return a >= b; }
template <class K> INLINE Vec<K> pick(Mask<K> mask, Vec<K> yes, Vec<K> no) { return mask ? yes : no; }
template <class K> INLINE uint32_t bits_of(Mask<K> mask) {
#if defined(__AVX2__)
  if constexpr (sizeof(K) == 4) return _mm256_movemask_ps((__m256)mask);
  const __m256i m = (__m256i)mask;
  const __m128i low = _mm256_castsi256_si128(m), high = _mm256_extracti128_si256(m, 1);
  return _mm_movemask_epi8(_mm_packs_epi16(low, high));
#else
  uint32_t bits = 0;
  for (int l = 0; l < LANES<K>; l++) bits |= uint32_t(mask[l] & 1) << l;
  return bits;
#endif
}
template <class K> INLINE void put_bits(uint8_t *bits, Mask<K> mask) {
  if constexpr (LANES<K> == 8) *bits = bits_of<K>(mask);
  else store(bits, uint16_t(bits_of<K>(mask)));
}
template <class K> INLINE Mask<K> get_bits(const uint8_t *bits) {
  Vec<K> spread, bit;
  for (int l = 0; l < LANES<K>; l++) spread[l] = load<uint16_t>(bits), bit[l] = K(1u << l);
  return (spread & bit) != 0;
}
template <class K> INLINE int count(Mask<K> mask) { return __builtin_popcount(bits_of<K>(mask)); }
#endif

// ---- transposition

// One stage: vectors D * STEP apart exchange lanes D apart. Recursive, so that masks are constants.
template <class K, int T, int STEP, int D> INLINE void exchange(Vec<K> *v) {
  if constexpr (D * STEP < T) {
    Vec<K> low, high;
#pragma GCC unroll 64
    for (int l = 0; l < LANES<K>; l++) {
      low[l] = (l & D) ? LANES<K> + l - D : l;
      high[l] = (l & D) ? LANES<K> + l : l + D;
    }
#pragma GCC unroll 64
    for (int i = 0; i < T; i++)
      if (!(i & D * STEP)) {
        const Vec<K> a = v[i], b = v[i + D * STEP];
        v[i] = __builtin_shuffle(a, b, low);
        v[i + D * STEP] = __builtin_shuffle(a, b, high);
      }
    exchange<K, T, STEP, 2 * D>(v);
  }
}
// Transposes squares of T x T lanes in T vectors; T is at most the number of lanes. Squares of
// halves are made of squares of pairs, whose shuffles are the quicker ones.
template <class K, int T, int STEP = 1> INLINE void transpose(Vec<K> *v) {
  if constexpr (sizeof(K) == 2) {
    Vec<int32_t> pairs[T];
#pragma GCC unroll 64
    for (int i = 0; i < T; i += 2) {
      const Vec<uint32_t> a = cast<Vec<uint32_t>>(v[i]), b = cast<Vec<uint32_t>>(v[i + 1]);
      pairs[i] = cast<Vec<int32_t>>((a & 0xffff) | (b << 16));
      pairs[i + 1] = cast<Vec<int32_t>>((a >> 16) | (b & 0xffff0000u));
    }
    if constexpr (T > 2) transpose<int32_t, T, 2>(pairs);
#pragma GCC unroll 64
    for (int i = 0; i < T; i++) v[i] = cast<Vec<K>>(pairs[i]);
    return;
  }
  exchange<K, T, STEP, 1>(v);
}
