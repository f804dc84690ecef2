// The rules of region_ucb and erm_joint as hand-written loops, one thread a run: the mark to beat on a GPU.
//
// The same draws and rules as the numba loops. What runs own lies with the axis of runs last, so that threads
// which read the same entry read neighbours. Built for a GPU by nvcc; for a CPU, where tests compare its numbers
// with those of the numba loops, by any C++ compiler.

#include <cstdint>

#ifdef __CUDACC__
#define SHARED __host__ __device__ __forceinline__
#else
#define SHARED inline
#endif

namespace {

constexpr float LOW = -1e30f, HIGH = 1e30f;
constexpr int BLOCK = 8;  // bounds whose maximum is kept

struct Types {
    const uint32_t* probability;
    const int32_t* alias;
    uint64_t size;
};

SHARED uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

SHARED uint64_t first_state(uint64_t seed, uint64_t run) { return mix(seed * 0x2545F4914F6CDD1Dull + run); }

SHARED int draw(uint64_t& state, const Types& types) {
    state += 0x9E3779B97F4A7C15ull;
    const uint64_t bits = mix(state);
    const uint64_t slot = ((bits >> 32) * types.size) >> 32;
    return static_cast<uint32_t>(bits) < types.probability[slot] ? static_cast<int>(slot) : types.alias[slot];
}

struct Regions {
    const float* payoffs;   // [R, J, L]
    const float* vertices;  // [R, V, L]
    const int32_t* num_vertices;
    const float* gap;     // [R, V]
    const float* radius;  // [T + 1]
    int regions, types, corners;
};

template <int L>
SHARED double region_ucb(uint64_t seed, int64_t run, int64_t runs, int64_t horizon, Types types, Regions game,
                         float* total, float* bound, float* top, int32_t* visits, int32_t* vertex) {
    const int blocks = (game.regions + BLOCK - 1) / BLOCK;
    for (int r = 0; r < blocks * BLOCK; ++r) bound[r * runs + run] = r < game.regions ? HIGH : LOW;
    for (int b = 0; b < blocks; ++b) top[b * runs + run] = HIGH;
    for (int r = 0; r < game.regions; ++r) {
        visits[r * runs + run] = vertex[r * runs + run] = 0;
        for (int l = 0; l < L; ++l) total[(r * L + l) * runs + run] = 0;
    }
    uint64_t state = first_state(seed, run);
    double regret = 0;
    for (int64_t t = 0; t < horizon; ++t) {
        float best = LOW;
        int block = 0;
        for (int b = 0; b < blocks; ++b) {
            const float value = top[b * runs + run];
            if (value > best) best = value, block = b;
        }
        int region = block * BLOCK;
        while (bound[region * runs + run] < best) ++region;
        regret += game.gap[region * game.corners + vertex[region * runs + run]];

        const float* payoff = game.payoffs + (static_cast<int64_t>(region) * game.types + draw(state, types)) * L;
        const int32_t count = ++visits[region * runs + run];
        float sums[L];
        for (int l = 0; l < L; ++l) sums[l] = (total[(region * L + l) * runs + run] += payoff[l]);
        float highest = LOW;
        int where = 0;
        for (int v = 0; v < game.num_vertices[region]; ++v) {
            float value = 0;
            for (int l = 0; l < L; ++l) value += game.vertices[(region * game.corners + v) * L + l] * sums[l];
            if (value > highest) highest = value, where = v;
        }
        vertex[region * runs + run] = where;
        bound[region * runs + run] = highest / count + game.radius[count];
        best = LOW;
        for (int i = 0; i < BLOCK; ++i) {
            const float value = bound[(block * BLOCK + i) * runs + run];
            best = value > best ? value : best;
        }
        top[block * runs + run] = best;
    }
    return regret;
}

SHARED double erm_joint(uint64_t seed, int64_t run, int64_t runs, int64_t horizon, Types types, const float* values,
                        const float* gap, int candidates, float* score) {
    for (int m = 0; m < candidates; ++m) score[m * runs + run] = 0;
    uint64_t state = first_state(seed, run);
    double regret = 0;
    int played = 0;
    for (int64_t t = 0; t < horizon; ++t) {
        regret += gap[played];
        const float* row = values + static_cast<int64_t>(draw(state, types)) * candidates;
        float best = LOW;
        for (int m = 0; m < candidates; ++m) {
            const float value = (score[m * runs + run] += row[m]);
            if (value > best) best = value, played = m;
        }
    }
    return regret;
}

#ifdef __CUDACC__
template <typename Play>
__global__ void each_run(Play play, int64_t runs, double* out) {
    const int64_t run = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
    if (run < runs) out[run] = play(run);
}
#endif

// out[run] = play(run) for all runs; on a GPU `out` and what `play` reads lie in its memory.
template <typename Play>
int for_runs(Play play, int64_t runs, double* out) {
#ifdef __CUDACC__
    each_run<<<(runs + 127) / 128, 128>>>(play, runs, out);
    const cudaError_t launched = cudaGetLastError();
    return launched ? launched : cudaDeviceSynchronize();
#else
    for (int64_t run = 0; run < runs; ++run) out[run] = play(run);
    return 0;
#endif
}

#ifdef __CUDACC__
#define EACH [=] __device__(int64_t run)
#else
#define EACH [=](int64_t run)
#endif

template <int L>
int play_region_ucb(uint64_t seed, int64_t runs, int64_t horizon, Types types, Regions game, float* total, float* bound,
                    float* top, int32_t* visits, int32_t* vertex, double* out) {
    return for_runs(
        EACH { return region_ucb<L>(seed, run, runs, horizon, types, game, total, bound, top, visits, vertex); }, runs,
        out);
}

}  // namespace

extern "C" {

// Returns 0, or the number of an error of CUDA; -1: no loop for so many leader actions.
int run_region_ucb(int leader, uint64_t seed, int64_t runs, int64_t horizon, const uint32_t* probability,
                   const int32_t* alias, int num_types, const float* payoffs, const float* vertices,
                   const int32_t* num_vertices, const float* gap, const float* radius, int regions, int corners,
                   float* total, float* bound, float* top, int32_t* visits, int32_t* vertex, double* out) {
    const Types types{probability, alias, static_cast<uint64_t>(num_types)};
    const Regions game{payoffs, vertices, num_vertices, gap, radius, regions, num_types, corners};
    switch (leader) {
        case 2: return play_region_ucb<2>(seed, runs, horizon, types, game, total, bound, top, visits, vertex, out);
        case 3: return play_region_ucb<3>(seed, runs, horizon, types, game, total, bound, top, visits, vertex, out);
        case 4: return play_region_ucb<4>(seed, runs, horizon, types, game, total, bound, top, visits, vertex, out);
        default: return -1;
    }
}

int run_erm_joint(uint64_t seed, int64_t runs, int64_t horizon, const uint32_t* probability, const int32_t* alias,
                  int num_types, const float* values, const float* gap, int candidates, float* score, double* out) {
    const Types types{probability, alias, static_cast<uint64_t>(num_types)};
    return for_runs(
        EACH { return erm_joint(seed, run, runs, horizon, types, values, gap, candidates, score); }, runs, out);
}
}
