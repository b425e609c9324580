// HL7's reference validator over NDJSON: a resource a line on stdin, an issue a line (JSON) on stdout.
// Terminology is what R4 itself ships: codes of systems that it does not have are not judged, and
// extensions may be any. {"line":3,"severity":"error","id":"...","path":"Bundle.entry[2]...","text":"..."}
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.hl7.fhir.common.hapi.validation.support.CachingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

public class Main {
    static FhirValidator validator() {
        FhirContext context = FhirContext.forR4();
        UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(IssueSeverity.INFORMATION);
        FhirInstanceValidator instance = new FhirInstanceValidator(new CachingValidationSupport(
            new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context),
                unknown)));
        instance.setAnyExtensionsAllowed(true);
        instance.setNoTerminologyChecks(false);
        return context.newValidator().registerValidatorModule(instance);
    }

    static void report(PrintStream out, Gson gson, int line, SingleValidationMessage issue) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("line", line);
        fields.put("severity", issue.getSeverity().getCode());
        fields.put("id", issue.getMessageId());
        fields.put("path", issue.getLocationString());
        fields.put("text", issue.getMessage());
        out.println(gson.toJson(fields));
    }

    public static void main(String[] arguments) throws Exception {
        FhirValidator validator = validator();
        Gson gson = new Gson();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int line = 0;
        for (String text = input.readLine(); text != null; text = input.readLine()) {
            ++line;
            for (SingleValidationMessage issue : validator.validateWithResult(text).getMessages()) {
                report(out, gson, line, issue);
            }
        }
        out.println("{\"done\":" + line + "}");
    }
}
