import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Arrays;

import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.SignerInfoGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/** Signs: algorithm, passphrase, PKCS#12 file, content, and where the signed file goes. */
public class BouncyCastleSigner {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        char[] passphrase = arguments[1].toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12", "BC");
        try (InputStream file = new FileInputStream(arguments[2])) {
            store.load(file, passphrase);
        }
        String name = store.aliases().nextElement();
        Certificate[] chain = store.getCertificateChain(name);
        PrivateKey key = (PrivateKey) store.getKey(name, passphrase);
        SignerInfoGenerator signer = new JcaSignerInfoGeneratorBuilder(
                        new JcaDigestCalculatorProviderBuilder().setProvider("BC").build())
                .build(
                        new JcaContentSignerBuilder(arguments[0]).setProvider("BC").build(key),
                        (X509Certificate) chain[0]);
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(signer);
        generator.addCertificates(new JcaCertStore(Arrays.asList(chain)));
        byte[] content = Files.readAllBytes(Path.of(arguments[3]));
        Files.write(
                Path.of(arguments[4]),
                generator.generate(new CMSProcessableByteArray(content), true).getEncoded());
    }
}
