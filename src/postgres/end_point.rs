//! The hash of a server's certificate that SCRAM-SHA-256-PLUS is bound to.
//!
//! Source: RFC 5929, section 4.1: the hash function of the certificate's own signature, SHA-256 where that is MD5 or
//! SHA-1, and nothing where the signature has no single hash function (Ed25519). RSASSA-PSS names its hash in
//! parameters that servers before 2023 do not look at; without a binding SCRAM still works with all of them.

use ring::digest;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5912;

/// `ecdsa-with-SHA1` of ANSI X9.62, which the crate's table does not have.
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// Of the certificate in DER; `None` where there is no binding.
pub fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = Certificate::from_der(certificate).ok()?.signature_algorithm.oid;
    Some(digest::digest(digest_of(algorithm)?, certificate).as_ref().to_vec())
}

/// The hash function for a signature algorithm.
fn digest_of(algorithm: ObjectIdentifier) -> Option<&'static digest::Algorithm> {
    match algorithm {
        rfc5912::MD_5_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_1_WITH_RSA_ENCRYPTION
        | ECDSA_WITH_SHA_1
        | rfc5912::SHA_256_WITH_RSA_ENCRYPTION
        | rfc5912::ECDSA_WITH_SHA_256 => Some(&digest::SHA256),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => Some(&digest::SHA384),
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 => Some(&digest::SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_hashes_are_replaced_and_unknown_signatures_bind_nothing() {
        let length = |oid| digest_of(oid).map(digest::Algorithm::output_len);
        assert_eq!(length(rfc5912::SHA_1_WITH_RSA_ENCRYPTION), Some(32));
        assert_eq!(length(rfc5912::ECDSA_WITH_SHA_384), Some(48));
        assert_eq!(length(rfc5912::SHA_512_WITH_RSA_ENCRYPTION), Some(64));
        assert_eq!(length(ObjectIdentifier::new_unwrap("1.3.101.112")), None);
    }

    #[test]
    fn bytes_that_are_no_certificate_bind_nothing() {
        for bytes in [&b""[..], b"\x30\x03\x02\x01\x01", &[0xFF; 64]] {
            assert_eq!(hash(bytes), None);
        }
    }
}
