import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.Date;
import java.util.Set;

import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStoreBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.util.Store;

/** Judges files that are named by numbers from 0 on: root in PEM, moment in seconds since 1970, folder. */
public class BouncyCastleJudge {
    private final X509Certificate root;
    private final Date at;

    private BouncyCastleJudge(X509Certificate root, Date at) {
        this.root = root;
        this.at = at;
    }

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Path folder = Path.of(arguments[2]);
        BouncyCastleJudge judge = new BouncyCastleJudge(
                certificate(arguments[0]), new Date(1000 * Long.parseLong(arguments[1])));
        for (int number = 0; Files.exists(folder.resolve(String.valueOf(number))); number++) {
            System.out.println(number + "\t" + judge.judge(folder.resolve(String.valueOf(number))));
        }
    }

    private static X509Certificate certificate(String file) throws Exception {
        try (InputStream pem = new FileInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(pem);
        }
    }

    private String judge(Path file) {
        try {
            CMSSignedData signed = new CMSSignedData(Files.readAllBytes(file));
            Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
            if (signers.isEmpty()) {
                return "refused\tno signer";
            }
            for (SignerInformation signer : signers) {
                String problem = problem(signer, signed.getCertificates());
                if (problem != null) {
                    return "refused\t" + problem;
                }
            }
            byte[] content = (byte[]) signed.getSignedContent().getContent();
            Files.write(Path.of(file + ".content"), content);
            return "accepted\tgood";
        } catch (Exception problem) {
            return "refused\t" + words(problem);
        }
    }

    /** What is wrong with a signer, null if nothing. */
    private String problem(SignerInformation signer, Store<X509CertificateHolder> certificates) throws Exception {
        @SuppressWarnings("unchecked")
        Collection<X509CertificateHolder> matching = certificates.getMatches(signer.getSID());
        if (matching.isEmpty()) {
            return "no certificate of the signer";
        }
        for (X509CertificateHolder holder : matching) {
            X509Certificate leaf = new JcaX509CertificateConverter().setProvider("BC").getCertificate(holder);
            if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(leaf.getPublicKey()))) {
                return "the signature does not match";
            }
            buildPath(leaf, certificates);
        }
        return null;
    }

    /** Throws where no path leads from the leaf to the root. */
    private void buildPath(X509Certificate leaf, Store<X509CertificateHolder> certificates) throws Exception {
        X509CertSelector target = new X509CertSelector();
        target.setCertificate(leaf);
        CertStore known = new JcaCertStoreBuilder().setProvider("BC").addCertificates(certificates).build();
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(Set.of(new TrustAnchor(root, null)), target);
        parameters.addCertStore(known);
        parameters.setRevocationEnabled(false);
        parameters.setDate(at);
        CertPathBuilder.getInstance("PKIX", "BC").build(parameters);
    }

    private static String words(Throwable problem) {
        StringBuilder words = new StringBuilder();
        for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
            words.append(cause.getMessage()).append("; ");
        }
        return words.toString().replaceAll("\\s+", " ");
    }
}
