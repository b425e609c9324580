#pragma once
// Who waits when the processors are busy.
#include <sys/types.h>

namespace carestream {

// What runs in the background gives way: a sender that waits for its ACK and an app that waits for
// its page come first. `thread` is a thread or a process of the same user, 0 = the calling thread.
// Best effort: where the system refuses it, nothing changes.
void GiveWay(pid_t thread);

}  // namespace carestream
