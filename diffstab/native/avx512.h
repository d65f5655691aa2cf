/* Rows of pixels by AVX-512: 16 at a time, from a window of 32 columns. */
#define LEVEL avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,sse4.1")))
#define LANES 16
#define WINDOW 32
VECTORS(avx512, LANES)
typedef __mmask16 Mask_avx512;

/* Whole part, towards minus infinity, and share of 16 numbers; NaN becomes the bound. */
TARGET INLINE void split_avx512(Doubles_avx512 low, Doubles_avx512 high, Whole_avx512 *whole, Floats_avx512 *share) {
  const __m512d least = _mm512_set1_pd(-FAR), most = _mm512_set1_pd(FAR);
  const __m512d p = _mm512_min_pd(_mm512_max_pd((__m512d)low, least), most), q = _mm512_min_pd(_mm512_max_pd((__m512d)high, least), most);
  const __m512d f = _mm512_roundscale_pd(p, 9), g = _mm512_roundscale_pd(q, 9);
  *whole = (Whole_avx512)_mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvttpd_epi32(f)), _mm512_cvttpd_epi32(g), 1);
  *share = (Floats_avx512)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(_mm512_sub_pd(p, f))), _mm512_cvtpd_ps(_mm512_sub_pd(q, g)), 1);
}

TARGET INLINE Mask_avx512 equal_avx512(Whole_avx512 cells, int cell) {
  return _mm512_cmpeq_epi32_mask((__m512i)cells, _mm512_set1_epi32(cell));
}

TARGET INLINE Floats_avx512 weight_avx512(Mask_avx512 here, Floats_avx512 a, Mask_avx512 before, Floats_avx512 b) {
  return (Floats_avx512)_mm512_mask_mov_ps(_mm512_maskz_mov_ps(here, (__m512)a), before, (__m512)b);
}

TARGET INLINE int least_avx512(__m256i cells) { /* all below 2^16 */
  const __m128i half = _mm_min_epu16(_mm256_castsi256_si128(cells), _mm256_extracti128_si256(cells, 1));
  return _mm_cvtsi128_si32(_mm_minpos_epu16(half)) & 0xffff;
}

TARGET INLINE int lowest_avx512(Whole_avx512 cells) { return least_avx512(_mm512_cvtepi32_epi16((__m512i)cells)); }

TARGET INLINE int highest_avx512(Whole_avx512 cells) {
  return 0xffff - least_avx512(_mm512_cvtepi32_epi16((__m512i)~cells));
}

TARGET INLINE int near_avx512(Whole_avx512 index) { return (void)index, 1; }

TARGET INLINE __m512 load_avx512(const char *from, const int kind) {
  if (kind == FLOATS) return _mm512_loadu_ps(from);
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from)));
}

/* The values at index and right of it; 0 outside the masks, so that no weight of 0 meets an infinite value. */
TARGET INLINE void pair_avx512(const char *from, Whole_avx512 index, int near, Mask_avx512 left, Mask_avx512 right,
                               const int kind, Floats_avx512 *u, Floats_avx512 *v) {
  const __m512 low = load_avx512(from, kind), high = load_avx512(from + (kind == FLOATS ? 64 : 16), kind);
  const __m512i i = (__m512i)index, next = _mm512_add_epi32(i, _mm512_set1_epi32(1));
  (void)near;
  if (kind == FLOATS) {
    *u = (Floats_avx512)_mm512_maskz_permutex2var_ps(left, low, i, high);
    *v = (Floats_avx512)_mm512_maskz_permutex2var_ps(right, low, next, high);
  } else {
    *u = (Floats_avx512)_mm512_permutex2var_ps(low, i, high);
    *v = (Floats_avx512)_mm512_permutex2var_ps(low, next, high);
  }
}

TARGET INLINE void write_avx512(char *to, Floats_avx512 values, const int kind) {
  if (kind == FLOATS) _mm512_storeu_ps(to, (__m512)values);
  else _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32((__m512)values)));
}

#include "rows.h"
