#pragma once
// The way back: a FHIR resource as an HL7 v2 message, by the maps below mappings/outbound. The
// language is described in mappings/README.md. Pure: what a reference names comes from the caller.
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/node.h"

namespace carestream::mapping {

// The most characters that a destination takes in one leaf: {"PID-5.1", 30}.
struct LeafLength {
    std::string path;
    std::size_t characters_max = 0;
};

// What a channel says about its receiver. Its codes, coding systems and authorities are those of
// the program's overlays.
struct Destination {
    std::string version = "2.5.1";    // MSH-12
    std::string charset = "UTF-8";    // of the bytes, by table 0211 or ICU; MSH-18 names it
    std::string time_zone = "UTC";    // IANA; in which times are written
    bool write_offset = true;         // false: times are local and say no offset
    std::string sending_application;  // MSH-3 to MSH-6, components with '^' between
    std::string sending_facility;
    std::string receiving_application;
    std::string receiving_facility;
    std::string processing_id = "P";  // MSH-11
    std::vector<LeafLength> lengths;
};

// Sets the member of this name ("time_zone") from a text. Error kInvalid: no such member, with the
// nearest one, or not true or false. `lengths` are not set this way.
[[nodiscard]] Result<void> SetMember(Destination& destination, std::string_view name,
                                     std::string_view value);

// The first mistake: an unknown character set, time zone or path of a length. `path` names the
// member ("charset").
[[nodiscard]] Result<void> CheckDestination(const Destination& destination);

struct RenderRequest {
    std::string_view event;             // "SIU^S12"
    const fhir::Node* focus = nullptr;  // the resource that the message is about; never null
    // The resource that a reference names ("Patient/1", "#a" is looked up in `focus`), or nullptr.
    // What is not found counts as absent. Valid as long as the call.
    std::function<const fhir::Node*(std::string_view reference)> resolve;
    std::string control_id;  // MSH-10
    Micros now = 0;          // MSH-7
};

// Resources that refer to each other. Borrows: what it was made of must outlive it.
class ResourceSet {
public:
    // A Bundle, an array of resources, or one resource.
    explicit ResourceSet(const fhir::Node& resources);
    [[nodiscard]] const std::vector<const fhir::Node*>& all() const { return all_; }
    // By "Patient/1" or the fullUrl of its entry; nullptr if it is not there.
    [[nodiscard]] const fhir::Node* Find(std::string_view reference) const;

private:
    void Add(const fhir::Node& resource, std::string_view full_url);
    std::vector<const fhir::Node*> all_;
    std::map<std::string, const fhir::Node*, std::less<>> by_reference_;
};

struct RenderNote {
    std::string path;     // of the message: "PID-8", "AIL[2]-3"
    std::string message;  // "no code of table 0001 stands for this", "shortened to 20 characters"
};

struct Rendered {
    std::string bytes;  // segments end in CR
    // What the message could not take: codes without counterpart, second values where one fits,
    // characters that were replaced, texts that were shortened. Names no values.
    std::vector<RenderNote> notes;
};

}  // namespace carestream::mapping
