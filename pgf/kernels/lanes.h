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

// ---- keys: integers that order as magnitudes do; all NaN alike, above infinity

template <class K> constexpr K LARGEST = sizeof(K) == 4 ? 0x7fffffff : 0x7fff;
template <class K> constexpr K INFINITE = sizeof(K) == 4 ? 0x7f800000 : 0x7f80;

template <class V> INLINE V load(const void *p) { V v; std::memcpy(&v, p, sizeof v); return v; }
template <class V> INLINE void store(void *p, V v) { std::memcpy(p, &v, sizeof v); }

template <class K> INLINE Vec<K> key_of(Vec<K> bits) {
  const Vec<K> k = bits & LARGEST<K>;
  return k > INFINITE<K> ? (Vec<K>{} + LARGEST<K>) : k;
}
template <class K> inline K key_of_one(K bits) {
  const K k = bits & LARGEST<K>;
  return k > INFINITE<K> ? LARGEST<K> : k;
}

// ---- D * w as torch computes it: bfloat16 through float, rounded to nearest even

INLINE Vec<int32_t> decayed(Vec<int32_t> bits, float d) {
  const Vec<float> f = load<Vec<float>>(&bits) * d;
  return load<Vec<int32_t>>(&f);
}
INLINE Vec<int16_t> decayed(Vec<int16_t> bits, float d) {
  typedef uint16_t Half __attribute__((vector_size(BYTES / 2)));
  typedef Vec<uint32_t> Wide;
  Half half[2];
  std::memcpy(half, &bits, sizeof bits);
  for (Half &h : half) {
    Wide u = __builtin_convertvector(h, Wide) << 16;
    Vec<float> f = load<Vec<float>>(&u) * d;
    u = load<Wide>(&f);
    const Wide rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    h = __builtin_convertvector((u & 0x7fffffff) > 0x7f800000 ? (Wide{} + 0x7fc0) : rounded, Half);
  }
  return load<Vec<int16_t>>(half);
}

// ---- masks as bits, the lowest first

INLINE void put_bits(uint8_t *bits, Vec<int32_t> mask) {
#if defined(PGF_AVX512)
  store(bits, uint16_t(_mm512_movepi32_mask((__m512i)mask)));
#elif defined(__AVX2__)
  *bits = _mm256_movemask_ps((__m256)mask);
#else
  unsigned byte = 0;
  for (int l = 0; l < 8; l++) byte |= unsigned(mask[l] & 1) << l;
  *bits = byte;
#endif
}
INLINE void put_bits(uint8_t *bits, Vec<int16_t> mask) {
#if defined(PGF_AVX512)
  store(bits, uint32_t(_mm512_movepi16_mask((__m512i)mask)));
#elif defined(__AVX2__)
  const __m256i m = (__m256i)mask;
  const __m128i low = _mm256_castsi256_si128(m), high = _mm256_extracti128_si256(m, 1);
  store(bits, uint16_t(_mm_movemask_epi8(_mm_packs_epi16(low, high))));
#else
  unsigned word = 0;
  for (int l = 0; l < 16; l++) word |= unsigned(mask[l] & 1) << l;
  store(bits, uint16_t(word));
#endif
}
template <class K> INLINE Vec<K> get_bits(const uint8_t *bits) {
  constexpr int L = LANES<K>;
  Vec<K> spread, bit;
#pragma GCC unroll 64
  for (int l = 0; l < L; l++) {
    spread[l] = load<uint16_t>(bits + l / 16 * 2 * (L >= 16));
    bit[l] = K(1u << l % 16);
  }
  return (spread & bit) != 0;
}
