# Writes OUTPUT, a source file that holds every file of FOLDER as a row of page::Assets(): name, hash, text.
file(GLOB files "${FOLDER}/*")
set(rows "")
foreach(file ${files})
    get_filename_component(name "${file}" NAME)
    file(SHA256 "${file}" hash)
    string(SUBSTRING ${hash} 0 32 hash)
    file(READ "${file}" text)
    string(APPEND rows "    {\"${name}\", \"${hash}\", R\"embedded(${text})embedded\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made by tools/cmake/embed_assets.cmake.
#include \"page/internal/assets.h\"

namespace carestream::page {

namespace {

constexpr Asset kAssets[] = {
${rows}};

}  // namespace

std::span<const Asset> Assets() {
    return kAssets;
}

}  // namespace carestream::page
")
