#include "base/priority.h"

#include <sys/resource.h>

namespace carestream {
namespace {

// A tenth of the share of one that does not give way.
constexpr int kNice = 10;

}  // namespace

void GiveWay(pid_t thread) {
    setpriority(PRIO_PROCESS, static_cast<id_t>(thread), kNice);
}

}  // namespace carestream
