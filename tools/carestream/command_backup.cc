#include "command_backup.h"

#include <iostream>

#include "store/backup.h"
#include "terminal.h"

namespace carestream::cli {

int Backup(const std::filesystem::path& state, const std::filesystem::path& target,
           bool with_keys) {
    store::BackupOptions options;
    options.state_folder = state;
    options.target = target;
    options.with_keys = with_keys;
    const auto report = store::Backup(options);
    if (!report) {
        PrintError(report.error());
        return 2;
    }
    std::cout << "backup of " << report->bytes << " bytes in " << target.string() << '\n';
    if (!with_keys) {
        std::cout << "It is worthless without these files of " << (state / "keys").string()
                  << "; keep them apart from it:\n"
                  << report->keys;
    }
    return 0;
}

int Restore(const std::filesystem::path& state, const std::filesystem::path& source) {
    store::RestoreOptions options;
    options.source = source;
    options.state_folder = state;
    const auto report = store::Restore(options);
    if (!report) {
        PrintError(report.error());
        return 2;
    }
    std::cout << "restored to " << state.string() << '\n';
    if (!report->keys_present) {
        std::cout << "Put the key files to " << (state / "keys").string()
                  << " before the daemon starts.\n";
    }
    return 0;
}

}  // namespace carestream::cli
