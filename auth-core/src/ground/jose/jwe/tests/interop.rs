//! Tokens that another implementation made (the npm package `jose`), one of each kind of work.

use super::super::test_keys::{p384, p521, rsa, x25519};
use super::{Jwe, decrypt};

#[test]
fn they_encrypt_we_decrypt() {
    for (jwk, alg, enc, token) in [
        (
            rsa(),
            "RSA-OAEP",
            "A192GCM",
            "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExOTJHQ00iLCJraWQiOiJyc2EifQ.LBq1FDEapngwDEmsQSVPt-KEJ34_Zbz8UECdQ\
             -5DkCdF2oH3vyZEoMzvpNcaVtxo9_t2y8EiebuFRC3vTkun1Iu0kxs9OV1gxu_gQ0aXxQygEBPM1NytHdBkAJmw-UrXuBIgidDd8\
             _RVw-3SN6hBQGCaR53etftLeD04l27JoOeM5s7h6DaZTq0N0z5dXMFLbvnaAazjif2xa7HPw2MbOEQxZUyXDsS2ng3SkrA9dH5Ap\
             1FboGPXmo9ocZfwE4t6Q6Exl5Rh3rZlYqhwNuvBPtJ3O8La0EtTGFSZ7X8NTgGmORVsreZJ5PgC1D7WOfdRioVvHf8cGiBgNv3e3\
             SaWhA.9KwXHN7ralQPMuss.9I1_5Tlj-AixwaWasCUaj3bjo47T_9M_ji3CKTaI.7ylrDavXlXGOxIYN_Y5dZw",
        ),
        (
            rsa(),
            "RSA-OAEP-256",
            "A256CBC-HS512",
            "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoicnNhIn0.Q_kHRY7Hu2YOKN460L9mxFsH\
             fQx0Mj2HC_T9P4zUIbkT6fKYHPsZuskxCONUpmYgQO-INwNVgW44YC3ZiF5OCyVdpyfn83O7Er1sCipffOQ7iiSsYl2mG0VHpMfo\
             M7qR0yAuFe4tjyRcg3G5YHuNdvSCqc53XyjKLL4ZySs7t_t69e8di3hq8MdGNv79MdDW5m7bRqhGTWvrEpgqrfHm5863LU9Qk4U7\
             G82GX8YImrXmPtS2eOaft4Bs2D4I5bIzRGqNXfB0XTlbkecA-Mw0uLJeoej5_yErgV3rddnfaBI4vv91J08jER17_Escg_HWb-B4\
             VOHHgJQmJ5P18tz0Xw.SLA9FEdKdzuqGTgV_6FjfQ.0Mb4FyKvY6sD-FPr3HpHCguLmKJ3FsqlnHBBJSQzE55iiOx1ad3ghslSM7\
             l39Avm.dHIORVhjWBc89HceJZINswQ49fPOCuaLIQklKGLJlMM",
        ),
        (
            p384(),
            "ECDH-ES",
            "A256CBC-HS512",
            "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkNCQy1IUzUxMiIsImtpZCI6InBlcmVncmluLnRvb2tAdHVja2Jvcm91Z2guZXhh\
             bXBsZSIsImVwayI6eyJ4IjoiQ3c5M2NEbElCZXZFWXZBMkx6clhNbGk4RFYxU21NeDlWcVR0OVpkOHJIOFhfcjZXTnVrZlZYaGhP\
             UFcxOENHUCIsImNydiI6IlAtMzg0Iiwia3R5IjoiRUMiLCJ5IjoiXzRCcS05M3ZDTFRjUV8ySi1Wbm9iZHlMdVRtS1V6UHlsSjdP\
             RnI1ZGdkY010RlpBdlRFbnZvcDZpczRxcXA3dSJ9fQ..bpeN1wDzRPWC7XiCWWPD3Q.6HOLgC7M3oNlNsU7GSwkFhKNAIaAUicYw\
             ZuO2_fA2rXLGcuIgLbAUdKsGrCQWnka.OYI2_lncw38GAPFi_Q1D5PB3HK8jiOb6x8tiCTlem4g",
        ),
        (
            p521(),
            "ECDH-ES+A256KW",
            "A192CBC-HS384",
            "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkExOTJDQkMtSFMzODQiLCJraWQiOiJwNTIxIiwiZXBrIjp7IngiOiJBSFVY\
             UHMxVzRmRzhTeTE5UVhqUmFXbUtfSnBXTzJYQkduMElWMFp2dFd2enFlV1NreVdCSFROQ0Z1VnI5SkdxUFdTN2FfRjVjTGp5VTNz\
             eVlyTTJaVXVxIiwiY3J2IjoiUC01MjEiLCJrdHkiOiJFQyIsInkiOiJBUzhoNFVSRE1mSnlXUnAwVnZvU0xIV3REOWV5NFpVSGVC\
             TXN2TENQRFRLbGdCOE5aSWhNTmRZUnZtTWVxa1NXMnJudzUxemI3U1o3V0Z1SUI0OEptdUJ5In19.qcOcby2W42uReHvD1xInHzx\
             0r7hl5K4VRaekhpDRgFpLVRfJ98ftIGPYuT6YwYNAvkCdfa30bZU.kPTtAC3dqcRten5hc0J_zw.CbF8v7nrIVrOgR_dtO0tgqpA\
             el_CVZJKJAiyHmGa8lG7TCs6PxWO82ebSevAd7ds.BcrKA4VqODrLN4mYTIz4JGpbGgGG0Oh4",
        ),
        (
            x25519(),
            "ECDH-ES",
            "A128GCM",
            "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImtpZCI6IngyNTUxOSIsImVwayI6eyJ4IjoiUW1JZWtKRGhYT3lUb21E\
             ODZQMEtsdHZFVTU0bXlYSm9UVEdKa0U1LTVnOCIsImNydiI6IlgyNTUxOSIsImt0eSI6Ik9LUCJ9LCJhcHUiOiJRV3hwWTJVIiwi\
             YXB2IjoiUW05aSJ9..DR1ZQfYMk65riEXt.1cBe4RLXiQZLTOgSDs9u1_-jr7yYqtbX1gCm261i3n0.h70D6tGdFJsntC7_i0HYE\
             A",
        ),
        (
            x25519(),
            "ECDH-ES+A128KW",
            "A256GCM",
            "eyJhbGciOiJFQ0RILUVTK0ExMjhLVyIsImVuYyI6IkEyNTZHQ00iLCJraWQiOiJ4MjU1MTkiLCJlcGsiOnsieCI6Imh0R2ZWZXVC\
             MldzS3ZMWkxLbWExcXpad2x3Z29mSjd2YWdCeDltQmZoQjQiLCJjcnYiOiJYMjU1MTkiLCJrdHkiOiJPS1AifX0.nNkxps3bq8l1\
             igJLzA7jSsSMCGz3yUX9UEhp0d1MeMoByExj8kvE4w.MAZL9s_D-VTnjDkE.ihS8qsJGb34VyspSCanDHwnjOtIJOeTxJVbwPftS\
             lr2giLj07864.9X54CaXTBMVJAcAxXbnhEw",
        ),
    ] {
        let jwe = Jwe::parse(token).unwrap();
        assert_eq!(
            (jwe.algorithm().name(), jwe.encryption().name()),
            (alg, enc)
        );
        let inside = decrypt(token, &jwk).unwrap();
        let text = std::str::from_utf8(inside.plaintext()).unwrap();
        assert!(text.starts_with("from jose ") && text.ends_with(&format!(" {alg} {enc}")));
    }
}
