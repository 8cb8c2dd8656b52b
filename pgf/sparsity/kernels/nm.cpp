// N:M masks, effective weights and gradient rules on CPUs; see native.py, which builds and calls it.
// L groups (L lanes of a vector) are one tile: transposed in registers so that a vector holds one
// position of every group, reduced to each group's threshold, the N-th largest magnitude, by a
// sorting network, and compared in memory's own order. Only where equal magnitudes straddle the
// threshold, groups are gone through one by one: the lowest index stays.
// Vectors are GCC's extension, so that one text serves AVX-512, AVX2 and NEON; plain C ABI and no
// header of torch, so that it builds in seconds.
#include "lanes.h"

// ---- thresholds: DOWN finds the rank-th largest, otherwise the rank-th smallest

template <bool DOWN, class V> INLINE V upper(V a, V b) {
  if constexpr (DOWN) return a > b ? a : b;
  else return a < b ? a : b;
}
template <bool DOWN, class V> INLINE void order(V &a, V &b) {
  const V x = a, y = b;
  a = upper<DOWN>(x, y);
  b = upper<!DOWN>(x, y);
}
// Batcher's odd-even merge sort of v[LOW .. LOW + N)
template <bool DOWN, int LOW, int N, int STEP, class V> INLINE void merge(V *v) {
  if constexpr (STEP * 2 < N) {
    merge<DOWN, LOW, N, STEP * 2>(v);
    merge<DOWN, LOW + STEP, N, STEP * 2>(v);
#pragma GCC unroll 64
    for (int i = LOW + STEP; i + STEP < LOW + N; i += 2 * STEP) order<DOWN>(v[i], v[i + STEP]);
  } else order<DOWN>(v[LOW], v[LOW + STEP]);
}
template <bool DOWN, int LOW, int N, class V> INLINE void sort(V *v) {
  if constexpr (N > 1) {
    sort<DOWN, LOW, N / 2>(v);
    sort<DOWN, LOW + N / 2, N / 2>(v);
    merge<DOWN, LOW, N, 1>(v);
  }
}
template <bool DOWN, int B, class V> INLINE void sort_bitonic(V *v) {
#pragma GCC unroll 8
  for (int d = B / 2; d; d /= 2)
#pragma GCC unroll 64
    for (int i = 0; i < B; i++)
      if (!(i & d)) order<DOWN>(v[i], v[i + d]);
}
// The first B of all are kept sorted in registers while blocks of B, sorted, are merged into them.
template <bool DOWN, int B, class V>
__attribute__((noinline)) V nth(const V *keys, int m, int rank) {
  V best[B], next[B];
#pragma GCC unroll 64
  for (int i = 0; i < B; i++) best[i] = keys[i];
  sort<DOWN, 0, B>(best);
  for (int at = B; at < m; at += B) {
#pragma GCC unroll 64
    for (int i = 0; i < B; i++) next[i] = keys[at + i];
    sort<DOWN, 0, B>(next);
#pragma GCC unroll 64
    for (int i = 0; i < B; i++) best[i] = upper<DOWN>(best[i], next[B - 1 - i]);
    if (at + B < m || rank < B) sort_bitonic<DOWN, B>(best);
  }
  if (rank < B) return best[rank - 1];
#pragma GCC unroll 8
  for (int d = B / 2; d; d /= 2)
#pragma GCC unroll 64
    for (int i = 0; i < d; i++) best[i] = upper<!DOWN>(best[i], best[i + d]);
  return best[0];
}

// ---- tiles

template <class K> struct Tile {
  const K *weight;
  K *effective;
  uint8_t *bits;
};

// Where the groups of lane l begin, in entries: with T < L a vector holds parts of L / T groups.
template <class K, int T> INLINE int64_t start_of(int lane, int m) {
  return T == LANES<K> ? int64_t(lane) * m : int64_t(lane % T) * LANES<K> + lane / T * T;
}

template <class K, int T>
__attribute__((noinline)) void repair(Tile<K> t, int m, int n, Vec<K> threshold, float d) {
  for (int l = 0; l < LANES<K>; l++) {
    const int64_t start = start_of<K, T>(l, m);
    int reach = 0, equal = n;
    for (int64_t i = start; i < start + m; i++) {
      reach += key_of(t.weight[i]) >= threshold[l];
      equal -= key_of(t.weight[i]) > threshold[l];
    }
    if (reach == n) continue;
    for (int64_t i = start; i < start + m; i++) {
      const K key = key_of(t.weight[i]);
      if (key != threshold[l] || equal-- > 0) continue;
      t.effective[i] = decayed(Vec<K>{} + t.weight[i], d)[0];
      t.bits[i / 8] &= ~(1 << (i % 8));
    }
  }
}

template <class K> using Nth = Vec<K> (*)(const Vec<K> *, int, int);
template <class K> struct Select {
  Nth<K> nth;
  int rank;
};

template <class K, bool DOWN> Nth<K> nth_of(int rank) {
  if (rank <= 1) return nth<DOWN, 1, Vec<K>>;
  if (rank <= 2) return nth<DOWN, 2, Vec<K>>;
  if (rank <= 4) return nth<DOWN, 4, Vec<K>>;
  if (rank <= 8) return nth<DOWN, 8, Vec<K>>;
  if (rank <= 16) return nth<DOWN, 16, Vec<K>>;
  return nth<DOWN, 32, Vec<K>>;
}

template <class K, int T> void refresh_tile(Tile<K> t, int m, int n, Select<K> select, float d) {
  constexpr int L = LANES<K>;
  const int q = m / T;
  Vec<K> keys[LONGEST];
  // Lines to come; those to be written are read first all the same, and here not waited for.
  const int ahead = m < 32 ? 32 : m;
  for (int i = 0; i < m; i++) {
    __builtin_prefetch(t.effective + (ahead + i) * L, 1);
    __builtin_prefetch(t.weight + (ahead + i) * L);
  }
  for (int j = 0; j < q; j++) {
    Vec<K> v[T];
#pragma GCC unroll 64
    for (int r = 0; r < T; r++) v[r] = load<Vec<K>>(t.weight + (r * q + j) * L) & MAGNITUDE<K>;
    transpose<K, T>(v);
#pragma GCC unroll 64
    for (int r = 0; r < T; r++) keys[j * T + r] = v[r];
  }
  // One that is NaN lets every NaN through, whatever its bits: too many, which is repaired.
  const Vec<K> nth = select.nth(keys, m, select.rank), nan = Vec<K>{} + NOT_A_NUMBER<K>;
  const Vec<K> threshold = nth < nan ? nth : nan;
  int64_t kept = 0;
  Vec<K> lane; // whose group's threshold a lane of vector r * q + j is held against
#pragma GCC unroll 64
  for (int l = 0; l < L; l++) lane[l] = l / T * T;
  for (int r = 0; r < T; r++, lane += 1) {
    const Vec<K> limit = __builtin_shuffle(threshold, lane);
    for (int j = 0; j < q; j++) {
      const int at = (r * q + j) * L;
      const Vec<K> raw = load<Vec<K>>(t.weight + at);
      const Mask<K> mask = reaches<K>(raw & MAGNITUDE<K>, limit);
      kept += count<K>(mask);
      store(t.effective + at, pick<K>(mask, raw, decayed(raw, d)));
      put_bits<K>(t.bits + at / 8, mask);
    }
  }
  if (__builtin_expect(kept != int64_t(n) * L, 0)) repair<K, T>(t, m, n, threshold, d);
}

// Groups that fill no tile go through one in a buffer; what lies behind them there is left out.
template <class K, int T>
void refresh_groups(Tile<K> t, int64_t groups, int m, int n, Select<K> select, float d) {
  constexpr int L = LANES<K>;
  const int64_t entries = int64_t(L) * m;
  for (; groups >= L; groups -= L) {
    refresh_tile<K, T>(t, m, n, select, d);
    t = {t.weight + entries, t.effective + entries, t.bits + entries / 8};
  }
  if (!groups) return;
  K weight[L * LONGEST] = {}, effective[L * LONGEST];
  uint8_t bits[L * LONGEST / 8];
  std::memcpy(weight, t.weight, groups * m * sizeof(K));
  refresh_tile<K, T>({weight, effective, bits}, m, n, select, d);
  std::memcpy(t.effective, effective, groups * m * sizeof(K));
  std::memcpy(t.bits, bits, (groups * m + 7) / 8);
}

template <class K> int refresh(Tile<K> t, int64_t groups, int m, int n, float d) {
  const bool down = n <= m / 2;
  const int rank = down ? n : m - n + 1;
  if (m > LONGEST || rank > 32) return 1;
  const Select<K> select = {down ? nth_of<K, true>(rank) : nth_of<K, false>(rank), rank};
  switch (m < LANES<K> ? m : LANES<K>) {
    case 2: refresh_groups<K, 2>(t, groups, m, n, select, d); return 0;
    case 4: refresh_groups<K, 4>(t, groups, m, n, select, d); return 0;
    case 8: refresh_groups<K, 8>(t, groups, m, n, select, d); return 0;
    case 16: if constexpr (LANES<K> >= 16) refresh_groups<K, 16>(t, groups, m, n, select, d); return 0;
    case 32: if constexpr (LANES<K> >= 32) refresh_groups<K, 32>(t, groups, m, n, select, d); return 0;
  }
  return 1;
}

// ---- with a mask at hand

constexpr int AHEAD = 32; // vectors; see refresh_tile

template <class K> void write(Tile<K> t, int64_t entries, float d) {
  constexpr int L = LANES<K>;
  int64_t i = 0;
  for (; i + L <= entries; i += L) {
    __builtin_prefetch(t.effective + i + AHEAD * L, 1);
    const Vec<K> raw = load<Vec<K>>(t.weight + i);
    store(t.effective + i, pick<K>(get_bits<K>(t.bits + i / 8), raw, decayed(raw, d)));
  }
  for (; i < entries; i++) {
    const bool kept = t.bits[i / 8] >> (i % 8) & 1;
    t.effective[i] = kept ? t.weight[i] : decayed(Vec<K>{} + t.weight[i], d)[0];
  }
}

// gradient = gradient (.) [mask + d (1 - mask)] + lambda (1 - mask) (.) weight, as a fused
// multiply-add, which is what torch's add with alpha is; without lambda nothing is added.
void restrict_(float *gradient, const float *weight, const uint8_t *bits, int64_t entries, float d,
               float lambda) {
  constexpr int L = LANES<int32_t>;
  typedef Vec<int32_t> I;
  typedef Vec<float> F;
  const auto restricted = [=](I g, I w, const uint8_t *from) {
    const Mask<int32_t> mask = get_bits<int32_t>(from);
    if (d != 1.0f) g = pick<int32_t>(mask, g, decayed(g, d));
    if (lambda != 0.0f)
      g = cast<I>(lambda * cast<F>(pick<int32_t>(mask, I{}, w)) + cast<F>(g));
    return g;
  };
  int64_t i = 0;
  for (; i + L <= entries; i += L) {
    __builtin_prefetch(gradient + i + AHEAD * L, 1);
    const I w = lambda != 0.0f ? load<I>(weight + i) : I{};
    store(gradient + i, restricted(load<I>(gradient + i), w, bits + i / 8));
  }
  if (const int64_t left = entries - i) {
    I g = {}, w = {};
    uint8_t rest[8] = {};
    std::memcpy(rest, bits + i / 8, (left + 7) / 8);
    std::memcpy(&g, gradient + i, left * 4), std::memcpy(&w, weight + i, left * 4);
    g = restricted(g, w, rest);
    std::memcpy(gradient + i, &g, left * 4);
  }
}

extern "C" {
int pgf_refresh_float32(const int32_t *w, int32_t *e, uint8_t *b, int64_t groups, int m, int n, float d) {
  return refresh<int32_t>({w, e, b}, groups, m, n, d);
}
int pgf_refresh_bfloat16(const int16_t *w, int16_t *e, uint8_t *b, int64_t groups, int m, int n, float d) {
  return refresh<int16_t>({w, e, b}, groups, m, n, d);
}
void pgf_write_float32(const int32_t *w, int32_t *e, uint8_t *b, int64_t entries, float d) {
  write<int32_t>({w, e, b}, entries, d);
}
void pgf_write_bfloat16(const int16_t *w, int16_t *e, uint8_t *b, int64_t entries, float d) {
  write<int16_t>({w, e, b}, entries, d);
}
void pgf_restrict_float32(float *g, const float *w, const uint8_t *b, int64_t entries, float d, float lambda) {
  restrict_(g, w, b, entries, d, lambda);
}
}
