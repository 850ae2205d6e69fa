/* A libnvidia-ml that is not NVIDIA's: the functions that the agent calls, over boards that a test sets.
   Return codes and names are those of NVML's reference (nvmlReturn_t). */
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
enum { MOST = 8 };

typedef struct {
  char uuid[64];
  unsigned int power_mw, limit_mw;
  unsigned long long energy_mj;
  int has_energy, is_lost;
} board_t;

static board_t boards[MOST];
static unsigned int count;
static int is_loaded = 1, opened;

/* What a test sets. */
void stand_in_driver(int loaded) { is_loaded = loaded; }
void stand_in_clear(void) { count = 0; is_loaded = 1; }
int stand_in_opened(void) { return opened; }
void stand_in_board(unsigned int at, const char *uuid, unsigned int power_mw, unsigned int limit_mw,
                    unsigned long long energy_mj, int has_energy, int is_lost) {
  board_t *one = &boards[at];
  snprintf(one->uuid, sizeof one->uuid, "%s", uuid);
  one->power_mw = power_mw;
  one->limit_mw = limit_mw;
  one->energy_mj = energy_mj;
  one->has_energy = has_energy;
  one->is_lost = is_lost;
  if (at >= count) count = at + 1;
}

/* What NVML has. */
int nvmlInitWithFlags(unsigned int flags) {
  (void)flags;
  if (!is_loaded) return DRIVER_NOT_LOADED;
  opened++;
  return SUCCESS;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) {
  if (!opened) return UNINITIALIZED;
  opened--;
  return SUCCESS;
}
const char *nvmlErrorString(int code) {
  switch (code) {
    case SUCCESS: return "The operation was successful";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case GPU_IS_LOST: return "GPU is lost";
    default: return "Unknown Error";
  }
}
int nvmlDeviceGetCount_v2(unsigned int *found) {
  if (!opened) return UNINITIALIZED;
  *found = count;
  return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, board_t **handle) {
  if (!opened) return UNINITIALIZED;
  if (index >= count) return INVALID_ARGUMENT;
  *handle = &boards[index];
  return SUCCESS;
}
int nvmlDeviceGetUUID(board_t *handle, char *uuid, unsigned int length) {
  snprintf(uuid, length, "%s", handle->uuid);
  return SUCCESS;
}
int nvmlDeviceGetPowerManagementLimitConstraints(board_t *handle, unsigned int *least, unsigned int *most) {
  if (!handle->limit_mw) return NOT_SUPPORTED;
  *least = handle->limit_mw / 2;
  *most = handle->limit_mw;
  return SUCCESS;
}
int nvmlDeviceGetPowerUsage(board_t *handle, unsigned int *milliwatts) {
  if (!opened || !is_loaded) return UNINITIALIZED;
  if (handle->is_lost) return GPU_IS_LOST;
  *milliwatts = handle->power_mw;
  return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(board_t *handle, unsigned long long *millijoules) {
  if (handle->is_lost) return GPU_IS_LOST;
  if (!handle->has_energy) return NOT_SUPPORTED;
  *millijoules = handle->energy_mj;
  return SUCCESS;
}
